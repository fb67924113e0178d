#ifndef OS_CGROUP_FIND_H
#define OS_CGROUP_FIND_H
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* A group that some pod made: "rkt-UUID" or the leaf of its supervisor, in one hierarchy. */
struct cgroup_found {
	const char *path;	/* "/sys/fs/cgroup/…", for messages */
	const char *name;	/* "rkt-UUID" */
	const char *record;	/* the line for cgroup_record_remove() */
	int64_t age;		/* seconds since it was made */
	bool empty;		/* no process is in it or below */
};

/* Looks through all hierarchies for groups called PREFIX and a UUID. */
int cgroup_find(const char *prefix, void (*found)(void *arg, const struct cgroup_found *f), void *arg,
		struct err *err);
#endif
