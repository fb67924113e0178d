#ifndef STAGE0_DEPENDENCIES_H
#define STAGE0_DEPENDENCIES_H
#include "stage0/stage0.h"
/*
 * The images that an ACI builds on (inventory 2.9; appc spec, aci.md). They form
 * a directed acyclic graph: a cycle is refused, and so is a graph that is too
 * deep or too large. One that is reached again counts again only where the
 * whitelist of another image is above it, since otherwise it adds nothing. A
 * dependency counts only if it may be used itself (D1).
 */

/*
 * Sees to it that all of them are in the store, by the pull policy. One that the
 * manifest pins by its ID is never asked for again once it is there.
 */
int dependencies_obtain(const struct engine *e, struct store *store, const struct image_info *top,
			enum pull_policy policy, struct err *err);

/*
 * From the store alone: the archives that the image's files come from, in the
 * order in which the first that has a path wins: the image, then of its
 * dependencies the last one first, each followed by its own. *ret is NULL for an
 * image without dependencies. among: keys of the images that dependencies mean, as
 * a tree that was made of them noted it; NULL: those that are meant now.
 * -ERR_NOT_FOUND: one of them is not stored.
 */
int dependencies_layers(const struct engine *e, struct store *store, const struct image_info *top, char *const *among,
			struct tree_layer **ret, size_t *ret_n, struct err *err);

/*
 * Keys of the images that are stored and that dependencies named by this very image may mean: of each the one that is
 * taken now, and the one that is if nobody asks who signed it. Of those that are not stored nothing is said.
 */
int dependencies_stored(const struct engine *e, struct store *store, const struct image_info *image,
			struct strset *ret, struct err *err);
#endif
