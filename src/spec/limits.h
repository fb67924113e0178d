#ifndef SPEC_LIMITS_H
#define SPEC_LIMITS_H
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
/*
 * Ceilings on what an image or a server may make us spend (security.md A03). Each has a name, which configuration
 * (limits.d) and every refusal use. Whatever comes from outside and has a size is held against one of these before
 * anything is reserved for it.
 *
 * They hold for a whole program and are set once, before it reads anything foreign: rkt takes them from its
 * configuration, rkt-fetch and rkt-unpack from what rkt tells them. Until then the defaults are in force.
 */
struct limits {	/* what each means stands in limit_rows; in a document 0 is "not given" */
	/* what a server sends */
	int64_t image_bytes, unsized_bytes, document_bytes, page_bytes, header_bytes;
	int64_t redirects, connect_seconds, stall_seconds, document_seconds, parallel_downloads;
	/* what an image unpacks to */
	int64_t unpacked_bytes, unpack_ratio, decompress_memory, layer_memory;
	int64_t dependencies, dependency_depth, layers, members, content_bytes, directory_bytes;
	int64_t path_bytes, path_depth, link_bytes, xattrs, xattr_bytes, xattrs_bytes;
	int64_t sparse_parts, tree_memory, index_bytes;
};

enum limit_unit { LIMIT_BYTES, LIMIT_COUNT, LIMIT_SECONDS };

struct limit {
	const char *name;	/* "image-bytes" */
	size_t at;		/* in struct limits */
	enum limit_unit unit;
	int64_t def, min, max;
	const char *help;
};
extern const struct limit limit_rows[];		/* ends with a row without a name */

static inline int64_t *limit_at(struct limits *l, const struct limit *row)
{
	return (int64_t *)((char *)l + row->at);
}

/* Those in force. */
const struct limits *limits(void);

/* Puts these in force; those that are 0 get their default. NULL: all do. */
void limits_set(const struct limits *l);

/* "64GiB", "4095B", "30s", "500": as configuration takes it, too. The caller frees it. */
char *limit_text(const struct limit *row, int64_t value);

/*
 * Reads the members of an object, other than rktKind and rktVersion: numbers, or texts with a unit ("64GiB", "1m").
 * -ERR_BAD_INPUT: an unknown name, no such value, or one out of range. A limit that ret already has is an error.
 */
int limits_read(const struct json_value *object, struct limits *ret, struct err *err);

/*
 * How they get from rkt to its helper programs: a JSON object of those in force that are not the default; NULL where
 * there are none. limits_take() puts what it says in force. The caller frees the text.
 */
char *limits_hand_on(void);
int limits_take(const char *text, struct err *err);

/* What upper gives counts. */
void limits_override(struct limits *l, const struct limits *upper);
bool limits_none(const struct limits *l);	/* gives none */

/* As members of the object that is open: all of them (those in force), or those that are not 0. */
void limits_write(struct json_writer *w, const struct limits *l);

/*
 * Refuses what is over a limit: "WORDS the limit image-bytes (64GiB; limits.d)". Returns -E2BIG.
 *
 *	return limit_refuse(err, &limits()->image_bytes, "'%s' is larger than", path);
 */
int limit_refuse(struct err *err, const int64_t *limit, const char *words, ...) PRINTF(3, 4);
#endif
