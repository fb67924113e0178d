#ifndef STAGE1_NATIVE_EXE_H
#define STAGE1_NATIVE_EXE_H
#include "base/err.h"
/*
 * Executables of an app, looked up inside its root before anything runs, so
 * that a missing one is told in a line and not by a dead app.
 */

/*
 * The absolute path of what name means: with a "/" it is a path (from the
 * working directory when relative), else it is searched in path_env ("a:b:c").
 * The caller frees it.
 */
int exe_find(int root_fd, const char *name, const char *working_dir, const char *path_env, char **ret,
	     struct err *err);

/* Is it there, a regular file, executable, and so its interpreter? */
int exe_check(int root_fd, const char *path, struct err *err);

/* The interpreter that the first bytes of a file name ("#!" or ELF), NULL: none. The caller frees it. */
char *exe_interpreter(const void *head, size_t len);
#endif
