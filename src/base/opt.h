#ifndef BASE_OPT_H
#define BASE_OPT_H
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
/*
 * Command-line options as tables. A row is all there is to an option: parsing,
 * help, completion and manual pages come from it.
 *
 * Accepted: --name=value, --name value, --flag, --flag=true|false, -l, -lvalue,
 * -l=value, -l value. An option with a bare value takes its value only after "=".
 * A table ends with a row without a name.
 */
enum opt_type {
	OPT_FLAG = 1,	/* bool */
	OPT_STRING,	/* const char *, points into argv */
	OPT_STRV,	/* char **: each use adds one */
	OPT_LIST,	/* char **: each use adds the parts between commas */
	OPT_DURATION,	/* int64_t, nanoseconds: "1h30m" */
	OPT_CALL,	/* call() is asked at each use, in order of the command line */
};
enum opt_flags {
	OPT_HIDDEN = 1 << 0,	/* works, but neither help nor completion tells of it */
};

struct opt {
	const char *name;
	char letter;		/* short form, 0: none */
	enum opt_type type;
	size_t at;		/* where the value goes in the command's struct */
	const char *value;	/* what the value is: "FILE", "DIR", "json|json-pretty"; NULL for flags */
	const char *help;
	const char *def;	/* the value before parsing; NULL: empty */
	const char *bare;	/* the value of --name alone; NULL: a value is needed */
	const char *deprecated;	/* what to use instead: hidden, and told on stderr when used */
	unsigned flags;
	int (*call)(void *args, const struct opt *opt, const char *value, struct err *err);
};

/* Tables and the struct that their offsets mean. */
struct opt_set {
	const struct opt *const *tables;	/* ends with NULL */
	void *args;
};

/* Puts the defaults in place. The struct is zeroed before. */
void opt_defaults(const struct opt_set *set);

/*
 * Takes one option from the front of argv, looking it up in each of n sets.
 * Returns how many words it was, 0 where argv[0] is none ("--" and "-" are
 * none). -ERR_USAGE: what cobra and pflag say to it, word for word.
 */
int opt_take(const struct opt_set *sets, size_t n, char *const *argv, struct err *err);

/*
 * Takes all options. What is no option comes back in *ret_rest, a strv; a first
 * "--" is dropped and ends them. first_ends: so does the first such word.
 */
int opt_parse(const struct opt_set *sets, size_t n, char *const *argv, bool first_ends, char ***ret_rest,
	      struct err *err);

/* The option of that name in some tables; NULL: none. */
const struct opt *opt_find(const struct opt *const *tables, const char *name);
bool opt_is_listed(const struct opt *opt);		/* neither hidden nor deprecated */
bool opt_needs_value(const struct opt *opt);		/* takes the next word where there is no "=" */

/* All listed options of the tables sorted by name; the caller frees the array, which ends with NULL. */
const struct opt **opt_sorted(const struct opt *const *tables);

/* One line per listed option, in columns: "      --name=default  help". */
void opt_help(struct buf *out, const struct opt *const *tables);

/* Frees what parsing allocated. */
void opt_clear(const struct opt_set *set);

/* true and false as Go spells them (1, t, T, TRUE, true, True …). -EINVAL: neither. */
int bool_parse(const char *s, bool *ret);
#endif
