/*
 * static_private: the table of files, made by static_load.c and read by static.c. Included by these only.
 *
 * Invariants
 * - Files are sorted by path.
 */
#ifndef QUAYSIDE_GATEWAY_STATIC_PRIVATE_H
#define QUAYSIDE_GATEWAY_STATIC_PRIVATE_H

#include "gateway/static.h"

struct static_variant {
	struct str body; /* data is NULL: there is none */
	const char *tag; /* with its quotes */
};

struct static_file {
	const char *path; /* "/js/main.js" */
	const char *type;
	bool immutable;
	struct static_variant plain, gzip;
};

struct static_files {
	struct static_file *all;
	size_t count, capacity;
	const struct static_file *index; /* or NULL */
};

#endif
