#ifndef STAGE0_POD_WRITE_H
#define STAGE0_POD_WRITE_H
#include "stage0/stage0.h"
/* Writing what was decided into a fresh pod directory (inventory 5.2). */

struct planned_image {
	char *app;			/* NULL: the stage1 */
	struct image_info info;
	int tree_fd;			/* the image's tree */
	struct tree_layer *layers; size_t n_layers;	/* NULL: it has no dependencies */
	char *manifest;			/* the bytes of the image's manifest */
	bool verified;			/* whoever vouched for it is still trusted */
};

struct pod_plan {
	char *pod_manifest;		/* the bytes of the file "pod" */
	struct planned_image stage1;
	struct planned_image *apps; size_t n_apps;
	bool overlay;
	int unpack_fd;			/* rkt-unpack, -1: not opened; needed without overlay */
};
#define POD_PLAN_EMPTY ((struct pod_plan){ .stage1.tree_fd = -1, .unpack_fd = -1 })
void pod_plan_room(struct pod_plan *plan, size_t n_apps);	/* n empty apps, in an empty plan */
void pod_plan_clear(struct pod_plan *plan);

/*
 * Fills the directory. Nothing is synced: a pod that is not "prepared" or in
 * "run" after a power cut is garbage, and whoever moves it there syncs first.
 */
int pod_write(const struct pod_plan *plan, struct store *store, int pod_fd, struct err *err);
#endif
