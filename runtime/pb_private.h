/*
 * pb_private: what the parts of pb share. Included by runtime/pb*.c and their tests only.
 *
 * Invariants
 * - A check walks one request on one stack; all of it ends with pb_check().
 */
#ifndef QUAYSIDE_RUNTIME_PB_PRIVATE_H
#define QUAYSIDE_RUNTIME_PB_PRIVATE_H

#include "runtime/pb.h"

/* Where a field stands; the chain of parents is the path. index counts a list's elements from 1; 0 is the list itself. */
struct pb_place {
	const struct pb_place *parent;
	const struct contract_field *field;
	size_t index;
};

/* Field paths, from the message that they are used at. */
struct pb_mask {
	struct str *paths;
	size_t n_paths;
};

/* One message that is being checked. */
struct pb_level {
	const struct contract_message *message;
	const struct pb_place *place; /* NULL: the request itself */
	size_t depth;
	bool ruled;                 /* field rules hold */
	bool update;                /* it is the resource of an update */
	const struct pb_mask *mask; /* rules hold only for what it names; NULL: for all */
};

/* What is asked of one field of a level. */
struct pb_demand {
	bool ruled;                 /* its value must keep the rules */
	bool complete;              /* its absence must, too */
	bool required;              /* it must be present, whatever its rules say */
	bool update;                /* it is the resource of an update */
	const struct pb_mask *mask; /* inside it, only what the mask names */
};

struct pb_check {
	struct arena *arena;
	struct status status; /* gathers violations */
	unsigned violations;
	const struct contract_field *resource; /* of an update, or NULL */
	struct pb_mask *mask;                  /* NULL: the request has no update mask */
};

void pb_violation(struct pb_check *check, const struct pb_place *place, const char *description);

/* Reads the request's update mask ahead, wherever it stands. */
struct status pb_mask_read(struct pb_check *check, struct pb_level *request, struct str bytes) MUST_USE;
struct pb_demand pb_demand(struct pb_check *check, const struct pb_level *level, const struct contract_field *field);

/*
 * NULL when the text has the form, otherwise what it must be. The text is valid UTF-8 without NUL and not empty.
 * Every form but FORMAT_ANY bounds the length as well.
 */
const char *pb_format_violation(enum contract_format format, struct str text);

#endif
