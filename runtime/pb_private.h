/*
 * pb_private: what pb's parts share. Included by runtime/pb*.c and their tests only.
 *
 * Invariants
 * - Texts are valid UTF-8 without NUL when they come here, and not empty.
 */
#ifndef QUAYSIDE_RUNTIME_PB_PRIVATE_H
#define QUAYSIDE_RUNTIME_PB_PRIVATE_H

#include "runtime/pb.h"

/* NULL when the text has the form, otherwise what it must be. Every form but FORMAT_ANY bounds the length as well. */
const char *pb_format_violation(enum contract_format format, struct str text);

#endif
