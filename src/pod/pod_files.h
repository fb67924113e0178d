#ifndef POD_POD_FILES_H
#define POD_POD_FILES_H
#include "pod/pod.h"

/* pod_tree_id() that tells why. -ENOENT: no such file. -EBADMSG: it names no tree. */
int pod_read_tree_id(const struct pod *pod, const char *app, char **ret);

/* The number in one file. 0: none. */
pid_t pod_read_pid(const struct pod *pod, const char *name);
#endif
