#ifndef SPEC_ISOLATOR_H
#define SPEC_ISOLATOR_H
#include "spec/image.h"

/* What the isolators of one app ask for, with types and ranges checked (inventory 7.1). */

enum set_mode { SET_DEFAULT, SET_RETAIN, SET_REMOVE };

struct isolation {
	struct json_opt_int memory_bytes;	/* resource/memory limit */
	struct json_opt_int cpu_milli;		/* resource/cpu limit */
	struct json_opt_int cpu_shares;		/* 2..262144 */
	struct json_opt_int oom_score_adj;	/* -1000..1000 */
	struct json_opt_bool no_new_privs;
	enum set_mode caps_mode;
	char **caps;				/* "CAP_…" as written */
	enum set_mode seccomp_mode;
	char **seccomp;				/* system calls and @wildcards as written */
	char *seccomp_errno;			/* "EPERM" …, NULL: none given */
};

/*
 * Reads the list. An unknown name, two that exclude each other, or a value
 * outside its range is -ERR_BAD_INPUT: an app never starts with less
 * confinement than its manifest asks for. The last memory and cpu limit counts.
 */
int isolation_read(const struct isolator *list, size_t n, struct isolation *ret, struct err *err);
void isolation_clear(struct isolation *i);
static inline void isolation_clear_auto(struct isolation *i) { isolation_clear(i); }

/* Takes every isolator of these names out of the app (names is NULL-terminated). */
void app_remove_isolators(struct app *app, const char *const *names);

/* Adds one; value is JSON text and copied. */
void app_add_isolator(struct app *app, const char *name, const char *value);

/*
 * The command line's forms (inventory 1.4), written into the app as rkt does:
 * memory and cpu are appended, cpu-shares and oom-score-adj replace their own
 * kind, a capability or seccomp option replaces all of its kind.
 */
int app_override_memory(struct app *app, const char *quantity, struct err *err);
int app_override_cpu(struct app *app, const char *quantity, struct err *err);
int app_override_cpu_shares(struct app *app, const char *n, struct err *err);
int app_override_oom_score_adj(struct app *app, const char *n, struct err *err);
int app_override_caps(struct app *app, enum set_mode mode, const char *list, struct err *err);
int app_override_seccomp(struct app *app, const char *spec, struct err *err);	/* mode=retain|remove,[errno=E,]CALL… */
#endif
