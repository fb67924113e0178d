#ifndef BASE_MEM_H
#define BASE_MEM_H
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/auto.h"
/*
 * Memory for small things. These calls end the program with 254 when memory is
 * gone; a size that came from outside is held against a limit before it gets
 * here. What they return is the caller's to free().
 */
#define PRINTF(f, a) __attribute__((format(printf, f, a)))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

void *xmalloc(size_t size);
void *xcalloc(size_t n, size_t size);			/* zeroed, overflow checked */
void *xreallocarray(void *p, size_t n, size_t size);
char *xstrdup(const char *s);				/* NULL gives NULL */
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *fmt, ...) PRINTF(1, 2);
char *xvasprintf(const char *fmt, va_list ap) PRINTF(1, 0);

/* Says "out of memory" and exits with 254, by write(2) alone. */
_Noreturn void mem_oom(void);

/*
 * A strv is a NULL-terminated array of strings that owns both, or NULL, which
 * every function here takes as empty.
 */
size_t strv_len(char *const *strv);
void strv_add(char ***strv, const char *s);		/* copies s */
void strv_take(char ***strv, char *s);			/* owns s from here on */
bool strv_has(char *const *strv, const char *s);
char **strv_copy(char *const *strv);			/* NULL for NULL */
char **strv_split(const char *s, char sep);		/* "" gives an empty list; keeps empty parts */
char *strv_join(char *const *strv, const char *sep);
void strv_free(char **strv);
DEFINE_AUTO(char **, strv_free)

/* Whole-string comparisons that read as questions. NULL equals only NULL. */
bool str_eq(const char *a, const char *b);
bool str_starts(const char *s, const char *prefix);
bool str_ends(const char *s, const char *suffix);

/* Writes n bytes as 2 n lower-case hex digits and a NUL. Returns where that is. */
char *str_hex(char *to, const void *bytes, size_t n);

/*
 * Reads all of s as a decimal number of at most max: digits only, no sign, no
 * space, no leading "+". -EINVAL: not that. -ERANGE: too large.
 */
int str_to_u64(const char *s, unsigned long long max, unsigned long long *ret);

/* As above with an optional "-"; min and max are inclusive. */
int str_to_i64(const char *s, long long min, long long max, long long *ret);
#endif
