/*
 * search: free-text search over a column that holds lower-cased text.
 *
 * Invariants
 * - Every word of the query must occur, in any order; `%`, `_` and `\` in a query are ordinary characters.
 *
 * Usage
 *     size_t n;
 *     const char *const *patterns = search_patterns(call->arena, request->query, &n);
 *     db_bind_texts(unit, "patterns", patterns, n);       -- ... WHERE search LIKE ALL (SELECT lower(p) FROM unnest(:patterns::text[]) AS p)
 */
#ifndef QUAYSIDE_RUNTIME_SEARCH_H
#define QUAYSIDE_RUNTIME_SEARCH_H

#include <stddef.h>

#include "base/arena.h"

/* One LIKE pattern for each word (separated by spaces); none for an empty query. */
const char *const *search_patterns(struct arena *arena, const char *query, size_t *ret_count);

/* The condition on a column named `search`, for SQL texts. */
#define SEARCH_MATCHES "search LIKE ALL (SELECT lower(p) FROM unnest(:patterns::text[]) AS p)"

#endif
