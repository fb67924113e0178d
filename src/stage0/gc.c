#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/human.h"
#include "base/log.h"
#include "pod/contract.h"
#include "stage0/entry.h"

enum { GC_KNOWS_LOCAL_CONFIG = 5 };	/* interface version */

/* --- one pod ------------------------------------------------------------ */

static int run_gc_entry(const struct engine *e, const struct pod *pod, const struct stage1 *stage1, int root,
			struct err *err)
{
	AUTO(strv_free) char **args = NULL;
	const char *path;
	int r;

	r = stage1_entry(stage1, STAGE1_ENTRY_GC, &path, err);
	if (r == -ERR_NOT_FOUND)
		return 0;	/* a stage1 that leaves nothing behind needs none */
	if (r < 0)
		return r;
	strv_take(&args, xasprintf(POD_STAGE1_ROOTFS "%s", path));
	if (e->debug)
		strv_add(&args, "--debug");
	if (stage1->version >= GC_KNOWS_LOCAL_CONFIG && e->local_config)
		strv_take(&args, xasprintf("--local-config=%s", e->local_config));
	strv_add(&args, pod->uuid);
	return entry_run(root, path, pod, args, err);
}

/*
 * Only a stage1 out of the store is run. Where the store has it no more, or the
 * pod never got one, there is nobody who could know what is left.
 */
static int stage1_gc(const struct engine *e, const struct pod *pod, struct err *err)
{
	AUTO(stage1_clear) struct stage1 stage1 = {};
	AUTO(err_clear) struct err why = {};
	AUTO(close) int root = -1;
	int r;

	r = stage1_read(pod, &stage1, &why);
	if (r >= 0)
		r = stage1_open_stored_root(e, pod, &root, &why);
	if (r < 0) {
		AUTO(free) char *text = err_text(&why);

		log_warn("collecting pod \"%s\" without its stage1: %s", pod->uuid, text);
		return 0;
	}
	return run_gc_entry(e, pod, &stage1, root, err);
}

int pod_collect(const struct engine *e, struct pods *pods, struct pod *pod, struct err *err)
{
	int r;

	if (pod->state == POD_EXITED_GARBAGE) {
		r = stage1_gc(e, pod, err);
		if (r < 0)
			return err_wrap(err, r, "problem performing stage1 GC on \"%s\"", pod->uuid);
	} else if (pod->state != POD_GARBAGE) {
		return err_set(err, -ERR_STATE, "non-garbage pod \"%s\" (status \"%s\"), skipped", pod->uuid,
			       pod_state_name(pod->state));
	}
	return pod_remove(pods, pod, err);
}

/* --- all of them -------------------------------------------------------- */

struct collection {
	const struct engine *engine;
	struct pods *pods;
	const struct gc_request *request;
	int64_t now;
	int failed;		/* the first failure, whose words the caller's err has */
	struct err *err;
};

/* The first failure is the caller's to tell, further ones are told here. */
static void note(struct collection *c, int r, struct err *err)
{
	AUTO(free) char *text = err_text(err);

	if (c->failed) {
		log_info("%s", text);
		err_clear(err);
		return;
	}
	c->failed = r;
	if (c->err) {
		err_clear(c->err);
		*c->err = *err;
		*err = (struct err){};
	} else {
		err_clear(err);
	}
}

/* Since when the pod's directory is where it is. A time to come is now: no clock that jumped makes a pod old. */
static int64_t age_of(const struct pod *pod, int64_t now)
{
	struct stat st;
	int64_t since;

	if (fstat(pod->fd, &st) < 0)
		return 0;
	since = (int64_t)st.st_ctim.tv_sec * NS_PER_SECOND + st.st_ctim.tv_nsec;
	return since > now ? 0 : now - since;
}

/* Locks the pod if it still is in that state. Whoever holds it or moved it is at the same work. */
static int lock_in_state(struct collection *c, struct pod *pod, enum pod_state state, struct err *err)
{
	int r = pod_lock(c->pods, pod, err);

	if (r == -EWOULDBLOCK || r == -ESTALE || (r >= 0 && pod->state != state)) {
		err_clear(err);
		return 0;
	}
	return r < 0 ? r : 1;
}

static int mark_exited(struct collection *c, struct pod *pod, struct err *err)
{
	log_info("moving pod \"%s\" to garbage", pod->uuid);
	return pod_to_exited_garbage(c->pods, pod, err);
}

static int mark_aborted(struct collection *c, struct pod *pod, struct err *err)
{
	log_info("moving failed prepare \"%s\" to garbage", pod->uuid);
	return pod_to_garbage(c->pods, pod, err);
}

static int mark_prepared(struct collection *c, struct pod *pod, struct err *err)
{
	if (age_of(pod, c->now) < c->request->expire_prepared_ns)
		return 0;
	log_info("moving expired prepared pod \"%s\" to garbage", pod->uuid);
	return pod_to_garbage(c->pods, pod, err);
}

static int collect(struct collection *c, struct pod *pod, struct err *err)
{
	printf("Garbage collecting pod \"%s\"\n", pod->uuid);
	if (fflush(stdout) == EOF)
		return err_sys(err, -errno, "cannot write to stdout");
	return pod_collect(c->engine, c->pods, pod, err);
}

static int collect_exited(struct collection *c, struct pod *pod, struct err *err)
{
	if (age_of(pod, c->now) < c->request->grace_ns) {
		AUTO(free) char *grace = human_duration(c->request->grace_ns);

		log_info("pod \"%s\" not removed: still within grace period (%s)", pod->uuid, grace);
		return 0;
	}
	return collect(c, pod, err);
}

/* In this order; each step looks afresh, so that a pod goes as far as it may in one run. */
static const struct step {
	enum pod_state state;
	int (*work)(struct collection *c, struct pod *pod, struct err *err);
	bool only_marks;
} steps[] = {
	{ POD_EXITED, mark_exited, true },
	{ POD_ABORTED_PREPARE, mark_aborted, true },
	{ POD_EMBRYO, mark_aborted, true },
	{ POD_PREPARED, mark_prepared, false },
	{ POD_EXITED_GARBAGE, collect_exited, false },
	{ POD_GARBAGE, collect, false },
};

static void walk(struct collection *c, const struct step *step)
{
	AUTO(err_clear) struct err err = {};
	struct pod *list = NULL;
	size_t n = 0;
	int r;

	r = pods_list(c->pods, POD_MASK(step->state), &list, &n, &err);
	if (r < 0)
		note(c, r, &err);
	for (size_t i = 0; i < n; i++) {
		r = lock_in_state(c, &list[i], step->state, &err);
		if (r > 0)
			r = step->work(c, &list[i], &err);
		if (r < 0)
			note(c, r, &err);
		pod_close(&list[i]);
	}
	free(list);
}

static bool in_use(void *arg, const char *tree) { return pods_use_tree(arg, tree); }

/* Trees of removed images may have waited for the pods that stood on them. */
static void sweep_store(struct collection *c)
{
	AUTO(store_close) struct store *store = NULL;
	AUTO(err_clear) struct err err = {};
	int r;

	r = store_open(c->engine->data_dir, STORE_READ, &store, &err);
	if (r >= 0)
		r = store_sweep(store, in_use, c->pods, &err);
	if (r < 0)
		note(c, r, &err);
}

int pods_gc(const struct engine *e, struct pods *pods, const struct gc_request *r, struct err *err)
{
	struct collection c = { .engine = e, .pods = pods, .request = r, .now = time_now(), .err = err };

	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		if (steps[i].only_marks || !r->mark_only)
			walk(&c, &steps[i]);
	if (!r->mark_only)
		sweep_store(&c);
	return c.failed;
}
