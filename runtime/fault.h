/*
 * fault: places where a test may make a process fail: die, wait, or take something for failed.
 *
 * Invariants
 * - In builds other than MODE=fault a point is nothing: no code, no string, no variable. The programs that are shipped cannot be made to fail by their environment.
 * - A point stands where a failure matters: before and after what others can see (a commit, a message sent or received).
 * - Points are passed in any thread.
 *
 * The environment of a fault build says what happens:
 *     FAULT=kill@17           dies (SIGKILL) at the 17th point that is passed
 *     FAULT=kill@db.sent:2    dies when the point of this name is passed for the second time
 *     FAULT=sleep@db.sent:50  waits 50 ms at every point of this name
 *     FAULT=err@db.sent       takes what it stands for as failed (FAULT_FAILS), every time; with :2 only the second time
 *     FAULT=err@17            the same for the 17th point, if it stands for something that can fail
 *     FAULT_FILE=path         nothing happens and nothing counts unless this file exists; the name of each point that is passed is appended to it as a line,
 *                             so that the one who made the file knows afterwards how far the process came, and where it died
 *
 * Usage
 *     FAULT_POINT("outbox.numbered");
 *     if (FAULT_FAILS("db.sent"))
 *             connection_lost();
 */
#ifndef QUAYSIDE_RUNTIME_FAULT_H
#define QUAYSIDE_RUNTIME_FAULT_H

#include <stdbool.h>

#ifdef FAULT_POINTS
/* True if this point has to fail. name: "room.what", a constant. Does not return if the process has to die here. */
bool fault_point(const char *name);
#define FAULT_FAILS(name_) fault_point(name_)
#define FAULT_POINT(name_) ((void)fault_point(name_))
#else
#define FAULT_FAILS(name_) false
#define FAULT_POINT(name_) ((void)0)
#endif

#endif
