#ifndef CLI_POD_ARG_H
#define CLI_POD_ARG_H
#include "cli/cmd.h"
/* Pods as command lines name them: by UUID, its beginning, or a file that holds it. */

/*
 * Opens the pod that either names. -ERR_USAGE: neither or both are given.
 * EXIT_BAD_UUID_FILE: the file is unreadable, and that is said.
 */
int pod_arg_find(struct cli *cli, const char *uuid, const char *uuid_file, struct pods **ret_pods, struct pod *ret,
		 struct err *err);

/*
 * Calls each() for the pods of a command line that takes several, going on
 * after a failure, which is told as it comes. Returns how many failed, or as above.
 */
int pod_arg_each(struct cli *cli, char *const *uuids, const char *uuid_file,
		 int (*each)(struct cli *cli, struct pods *pods, struct pod *pod, void *arg, struct err *err), void *arg,
		 struct err *err);

#define UUID_FILE_OPT(at)                                                                                   \
	{ "uuid-file", 0, OPT_STRING, (at), "FILE", "read pod UUID from file instead of argument" }
#endif
