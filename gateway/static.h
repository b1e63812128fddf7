/*
 * static: the files of the browser UI, from memory.
 *
 * Invariants
 * - Everything is read once, at the start; a path is looked up in that table and never in the file system, so none
 *   can lead elsewhere.
 * - Each file has a strong entity tag (SHA-256 of its content); texts are also kept compressed, if that is worth it,
 *   under a tag of their own.
 * - Pages are revalidated at each use (no-cache); files whose name carries a hash of their content
 *   ("app.3f29ab10.js") never.
 * - A path of no file that is asked for as a page is the UI's own: it gets index.html.
 *
 * Usage
 *     struct static_files *files = static_load(arena, "build/ui");
 *     if (!static_respond(files, request)) ...
 */
#ifndef QUAYSIDE_GATEWAY_STATIC_H
#define QUAYSIDE_GATEWAY_STATIC_H

#include <stdbool.h>

#include "base/arena.h"
#include "gateway/http.h"

struct static_files;

/*
 * All files of a folder and those below it, but those whose names begin with a dot. NULL, with a log line, when they
 * cannot be read.
 */
struct static_files *static_load(struct arena *arena, const char *folder);

/*
 * Answers GET or HEAD for a file, or with the page where a page is wanted. False when the request means neither: it
 * is still to be answered.
 */
bool static_respond(const struct static_files *files, struct http_request *request);

#endif
