#ifndef BASE_JSON_H
#define BASE_JSON_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
/*
 * JSON (RFC 8259), read strictly: UTF-8 only, no duplicate keys, no trailing
 * bytes, no comments, no NUL inside a string, numbers kept exact. Depth, size
 * and count are bounded by JSON_MAX_*; beyond them reading fails.
 *
 * Two ways in: a tree of json_value to walk, and tables that move a document
 * between bytes and a struct. This is our own reader because the same one runs
 * in the static stage1, where no library can; see docs/devel/decisions.md.
 */
enum {
	JSON_MAX_DEPTH = 64,
	JSON_MAX_BYTES = 8 << 20,
	JSON_MAX_VALUES = 1 << 20,
};

enum json_kind { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_TEXT, JSON_ARRAY, JSON_DICT };

/* A value points into its json and lives as long as it. */
struct json_value {
	enum json_kind kind;
	uint32_t line;			/* where it begins, from 1 */
	const char *key;		/* in an object: its name, else NULL */
	const char *text;		/* JSON_TEXT: decoded; JSON_NUMBER: as written */
	const struct json_value *child;	/* first member or element, NULL when empty */
	const struct json_value *next;	/* next sibling */
};

struct json;

/*
 * Reads text[0..len). -ERR_BAD_INPUT names line and column; -E2BIG a limit.
 * The json owns its copies and does not need text any more.
 */
int json_parse(const char *text, size_t len, struct json **ret, struct err *err);
const struct json_value *json_root(const struct json *json);
void json_free(struct json *json);
DEFINE_AUTO(struct json *, json_free)

/* Looks a member up; NULL where there is none or v is no object. */
const struct json_value *json_get(const struct json_value *v, const char *key);
const char *json_get_text(const struct json_value *v, const char *key);	/* NULL: none or no string */
bool json_get_bool(const struct json_value *v, const char *key);		/* false: none or no boolean */

/* Whole number of the value. -EINVAL: no number or with a fraction. -ERANGE. */
int json_i64(const struct json_value *v, int64_t *ret);

/*
 * Writing. The writer puts commas and, with indent, newlines and tabs where
 * they belong. Strings are escaped so that no control byte comes out; "<", ">"
 * and "&" are left alone. key is NULL inside an array and at the top.
 */
struct json_writer;
struct json_writer *json_writer_new(bool indent);
void json_open_object(struct json_writer *w, const char *key);
void json_open_array(struct json_writer *w, const char *key);
void json_close(struct json_writer *w);			/* the innermost open one */
void json_write_text(struct json_writer *w, const char *key, const char *value);	/* NULL: null */
void json_write_i64(struct json_writer *w, const char *key, int64_t value);
void json_write_bool(struct json_writer *w, const char *key, bool value);
void json_write_value(struct json_writer *w, const char *key, const struct json_value *value);

/* Ends the writing: hands the bytes on and frees w. */
char *json_writer_finish(struct json_writer *w);

/*
 * One static table of members per struct drives decoding, encoding and freeing.
 *
 *   JSON_STRING  char *           "" counts as absent for JSON_OMIT_EMPTY
 *   JSON_STRV    char **          a list of strings
 *   JSON_INTV    pointer to the first of n int64_t, and size_t n right after it
 *   JSON_BOOL    bool
 *   JSON_INT     int64_t
 *   JSON_OPT_BOOL, JSON_OPT_INT   struct json_opt_bool / json_opt_int: knows whether it was there
 *   JSON_OBJECT  the struct itself, in place
 *   JSON_PTR     a pointer to a struct, NULL when absent
 *   JSON_LIST    pointer to the first of n structs, and size_t n right after it
 *   JSON_MAP     char **: an object of strings, kept as "key=value" in document order
 *   JSON_RAW     char *: any value, kept as compact JSON text
 *
 * null counts as absent. Unknown members are passed over.
 */
enum json_type {
	JSON_STRING = 1, JSON_STRV, JSON_INTV, JSON_BOOL, JSON_INT, JSON_OPT_BOOL, JSON_OPT_INT,
	JSON_OBJECT, JSON_PTR, JSON_LIST, JSON_MAP, JSON_RAW,
};
enum json_flags {
	JSON_REQUIRED = 1 << 0,		/* decoding fails without it */
	JSON_OMIT_EMPTY = 1 << 1,	/* encoding leaves out false, 0, NULL, "" and the empty list */
};
struct json_opt_bool { bool set, value; };
struct json_opt_int { bool set; int64_t value; };

struct json_field {
	const char *key;
	enum json_type type;
	size_t at;
	unsigned flags;
	const struct json_field *fields;	/* JSON_OBJECT, JSON_PTR, JSON_LIST: members of each */
	size_t size;				/* JSON_PTR, JSON_LIST: of one struct */
};

/*
 * Fills the zeroed struct at object. On failure err names the place
 * ("apps[1].app.exec: not a list"), the code is -ERR_BAD_INPUT and the struct
 * is empty again.
 */
int json_decode(const struct json_value *v, const struct json_field *fields, void *object, struct err *err);

/* As above from bytes: json_parse() and json_decode(). */
int json_decode_text(const char *text, size_t len, const struct json_field *fields, void *object,
		     struct err *err);

/* The members of object in table order, as one object named key. */
void json_encode(struct json_writer *w, const char *key, const struct json_field *fields, const void *object);

/* The whole document as a string that the caller frees. */
char *json_encode_text(const struct json_field *fields, const void *object, bool indent);

/* Makes the zeroed struct at to a deep copy of the one at from. */
void json_duplicate(const struct json_field *fields, const void *from, void *to);

/* Frees all that decoding allocated and zeroes what the table names; the struct itself stays. */
void json_clear(const struct json_field *fields, void *object);
#endif
