#include "base/log.h"
#include "cli/commands.h"
#include "cli/out.h"

struct removal {
	struct store *store;
	struct pods *pods;
	int done, names, stale, failed;
};

static bool in_use(void *arg, const char *tree) { return pods_use_tree(arg, tree); }

/* Something of it is still there that nothing accounts for: neither a pod, nor that trees are root's to remove. */
static bool is_stale(const struct removal *m, const struct image_info *info, bool left)
{
	return left && geteuid() == 0 && !(info->tree && pods_use_tree(m->pods, info->tree));
}

static int rm_one(struct removal *m, const char *text, struct err *err)
{
	AUTO(image_info_clear) struct image_info info = {};
	bool left = false;
	int r;

	r = store_find(m->store, text, &info, err);
	/* By a name only that one goes, as long as the image has others. */
	if (r >= 0 && !store_is_hash(text))
		r = store_remove_name(m->store, &info, err);
	if (r == 1) {
		out_line("successfully removed the name \"%s\" of image: \"%s\"", text, info.id);
		m->names++;
		return 0;
	}
	if (r >= 0)
		r = store_remove(m->store, &info, in_use, m->pods, &left, err);
	if (r < 0)
		return r;
	if (left)
		log_debug("something of image \"%s\" stays, as long as a pod stands on its tree or until rkt gc", info.id);
	out_line("successfully removed aci for image: \"%s\"", info.id);
	*(is_stale(m, &info, left) ? &m->stale : &m->done) += 1;
	return 0;
}

static int summary(const struct removal *m, struct err *err)
{
	if (m->done)
		log_info("%d image(s) successfully removed", m->done);
	if (m->names)
		log_info("%d name(s) successfully removed", m->names);
	if (m->stale)
		log_info("%d image(s) removed but left some stale files", m->stale);
	if (m->failed)
		log_info("%d image(s) cannot be removed", m->failed);
	return m->stale || m->failed ? err_set(err, -ERR_STATE, "error(s) found while removing images") : 0;
}

static int image_rm_run(struct cli *cli, void *args, char **argv, struct err *err)
{
	AUTO(store_close) struct store *store = NULL;
	AUTO(pods_close) struct pods *pods = NULL;
	struct removal m = {};
	int r;

	if (!argv[0])
		return err_set(err, -EINVAL, "must provide at least one image ID");
	r = store_open(cli->engine.data_dir, STORE_READ, &store, err);
	if (r >= 0)
		r = pods_open(cli->engine.data_dir, false, &pods, err);
	if (r < 0)
		return r;
	m.store = store;
	m.pods = pods;
	for (; *argv; argv++) {
		AUTO(err_clear) struct err why = {};

		if (rm_one(&m, *argv, &why) >= 0)
			continue;
		out_failure(&why);
		m.failed++;
	}
	out_flush(NULL);
	return summary(&m, err);
}

const struct cmd cmd_image_rm = {
	.name = "image rm", .args = "IMAGE...",
	.help = "remove image(s) with the given ID(s) or name(s) from the local store",
	.description = "By a name only that name goes, as long as the image has others.",
	.max = -1, .words = WORDS_IMAGES, .run = image_rm_run,
};
