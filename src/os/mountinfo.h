#ifndef OS_MOUNTINFO_H
#define OS_MOUNTINFO_H
#include "base/err.h"

/* The mount points strictly below a directory (an absolute, clean path), as a strv, what covers others after them. */
int mounts_below(const char *dir, char ***ret, struct err *err);

/* The same of a given text, as in /proc/self/mountinfo. */
char **mountinfo_below(const char *text, const char *dir);
#endif
