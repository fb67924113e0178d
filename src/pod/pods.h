#ifndef POD_PODS_H
#define POD_PODS_H
#include "pod/pod.h"

/* What the files of this folder share and nobody else needs. */

/*
 * The directories in the order in which a pod passes through them: it only ever
 * moves down, so that one look from first to last cannot miss it.
 */
enum pods_dir {
	DIR_EMBRYO, DIR_PREPARE, DIR_PREPARED, DIR_RUN, DIR_EXITED_GARBAGE, DIR_GARBAGE,
	PODS_DIRS,
};

struct pod_dir {
	const char *name;
	enum pod_state free, held;	/* what a pod in it is in, by its lock */
};
extern const struct pod_dir pod_dirs[PODS_DIRS];

struct pods {
	int data_fd;	/* the data directory, -1 where there is none */
	int fd;		/* its pods/, -1 where there is none: no pods then */
};

enum pods_dir pods_dir_of(enum pod_state state);

/* Whether the pod's fd is what its name in that directory stands for. */
bool pods_is_at(struct pods *pods, enum pods_dir dir, const struct pod *pod);

/* Opens the pod in that directory, or wherever it is. -ENOENT: not there. */
int pods_open_in(struct pods *pods, enum pods_dir dir, const char *uuid, struct pod *ret);
int pods_open_pod(struct pods *pods, const char *uuid, struct pod *ret);
#endif
