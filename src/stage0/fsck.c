#include "stage0/fsck.h"

#include <string.h>
#include <sys/mount.h>

#include "base/path.h"
#include "os/cgroup.h"
#include "os/cgroup_find.h"
#include "os/mountinfo.h"

/*
 * The kinds of store/fsck.c, and:
 *
 *   mount   something is mounted where a pod was
 *   cgroup  a group of a pod that is gone
 *   pod     a pod that stands on what is not there any more
 */

enum { YOUNG_SECONDS = 60 };

static const char cgroup_prefix[] = "rkt-";

struct check {
	const struct engine *engine;
	const struct fsck *q;
	struct pods *pods;
	struct strset held;	/* UUIDs of pods that somebody holds: running, being made or removed */
	struct strset known;	/* of all pods */
};

static void check_clear(struct check *c)
{
	strset_clear(&c->held);
	strset_clear(&c->known);
}
static inline void check_clear_auto(struct check *c) { check_clear(c); }

/* --- pods ---------------------------------------------------------------------- */

enum {
	HELD = POD_MASK(POD_EMBRYO) | POD_MASK(POD_PREPARING) | POD_MASK(POD_RUNNING) | POD_MASK(POD_EXITED_DELETING) |
	       POD_MASK(POD_DELETING),
};

static int list_pods(struct check *c, struct err *err)
{
	struct pod *list = NULL;
	size_t n = 0;
	int r = pods_list(c->pods, POD_MASK_ALL, &list, &n, err);

	for (size_t i = 0; i < n && r >= 0; i++) {
		strset_add(&c->known, list[i].uuid);
		if (POD_MASK(list[i].state) & HELD)
			strset_add(&c->held, list[i].uuid);
	}
	pods_list_free(list, n);
	return r;
}

static char *lack_of_trees(struct store *store, const struct strset *trees)
{
	for (size_t i = 0; i < trees->n; i++) {
		AUTO(err_clear) struct err why = {};
		AUTO(close) int fd = -1;

		if (store_open_tree(store, trees->list[i], &fd, &why) == -ERR_NOT_FOUND)
			return err_text(&why);
	}
	return NULL;
}

/* A prepared pod cannot run without the trees that it was made of. */
static int check_prepared(struct check *c, struct store *store, struct err *err)
{
	struct pod *list = NULL;
	size_t n = 0;
	int r = pods_list(c->pods, POD_MASK(POD_PREPARED), &list, &n, err);

	for (size_t i = 0; i < n && r >= 0; i++) {
		AUTO(strset_clear) struct strset trees = {};
		AUTO(free) char *words = NULL;
		struct problem p = { .kind = "pod", .object = list[i].uuid, .cure = "remove it by rkt rm" };

		(void)pod_trees(&list[i], &trees);
		p.words = words = lack_of_trees(store, &trees);
		if (words)
			(void)fsck_found(c->q, &p, NULL, NULL);
	}
	pods_list_free(list, n);
	return r;
}

/* --- mounts --------------------------------------------------------------------- */

static int unmount(void *arg, struct err *err)
{
	return umount2(arg, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 ? err_sys(err, -errno, "cannot unmount it") : 0;
}

/* "pods/run/UUID/…" and "cas/tree/NAME/…" are nobody's to mount on but pods'; all else is the administrator's. */
static bool is_pods_own(const char *below, char **ret_uuid)
{
	AUTO(strv_free) char **parts = strv_split(below, '/');
	size_t n = strv_len(parts);

	*ret_uuid = NULL;
	if (n > 2 && str_eq(parts[0], "pods")) {
		*ret_uuid = xstrdup(parts[2]);
		return true;
	}
	return n > 2 && str_eq(parts[0], "cas") && str_eq(parts[1], "tree");
}

static void check_mount(struct check *c, char *point)
{
	const char *below = point + strlen(c->engine->data_dir) + 1;
	AUTO(free) char *uuid = NULL;
	struct problem p = { .kind = "mount", .object = below, .words = "something is mounted there, and no pod uses it",
			     .cure = "unmount it" };

	if (is_pods_own(below, &uuid) && !(uuid && strset_has(&c->held, uuid)))
		(void)fsck_found(c->q, &p, unmount, point);
}

static int check_mounts(struct check *c, struct err *err)
{
	AUTO(strv_free) char **points = NULL;
	int r = mounts_below(c->engine->data_dir, &points, err);

	/* What covers others goes first. */
	for (size_t i = strv_len(points); i > 0; i--)
		check_mount(c, points[i - 1]);
	return r;
}

/* --- control groups ---------------------------------------------------------------- */

static int remove_cgroup(void *arg, struct err *err)
{
	const struct cgroup_found *f = arg;

	return cgroup_record_remove(f->record, f->name, err);
}

/*
 * Pods of other data directories have such groups too, which cannot be told from
 * here. One that is empty, and not only just made, does nothing for any pod.
 */
static void check_cgroup(void *arg, const struct cgroup_found *f)
{
	struct check *c = arg;
	struct problem p = { .kind = "cgroup", .object = f->path, .words = "its pod is gone", .cure = "remove it" };

	if (f->empty && f->age >= YOUNG_SECONDS && !strset_has(&c->known, f->name + strlen(cgroup_prefix)))
		(void)fsck_found(c->q, &p, remove_cgroup, (void *)f);
}

/* --- all of it ------------------------------------------------------------------------ */

static bool in_use(void *arg, const char *tree) { return pods_use_tree(arg, tree); }

static int check_pods(struct check *c, struct store *store, struct err *err)
{
	int r = list_pods(c, err);

	if (r >= 0)
		r = check_prepared(c, store, err);
	if (r >= 0)
		r = check_mounts(c, err);
	return r < 0 ? r : cgroup_find(cgroup_prefix, check_cgroup, c, err);
}

int engine_fsck(const struct engine *e, const struct fsck *request, bool *ret_partly, struct err *err)
{
	AUTO(store_close) struct store *store = NULL;
	AUTO(pods_close) struct pods *pods = NULL;
	AUTO(check_clear) struct check c = { .engine = e };
	AUTO(close) int unpack_fd = -1;
	struct fsck q = *request;
	int r;

	r = store_open(e->data_dir, STORE_READ, &store, err);
	if (r >= 0)
		r = pods_open(e->data_dir, false, &pods, err);
	if (r >= 0 && q.contents)
		r = helper_open(e->libexec_dir, "rkt-unpack", &unpack_fd, err);
	if (r < 0)
		return r;
	q.in_use = in_use;
	q.in_use_arg = pods;
	c.q = &q;
	c.pods = pods;
	/* First what pods left: a mount would keep a tree from being removed. */
	r = check_pods(&c, store, err);
	return r < 0 ? r : store_fsck(store, unpack_fd, &q, ret_partly, err);
}
