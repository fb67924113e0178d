#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "store/info.h"
#include "store/unpack.h"
#include "store/vouch.h"

/* What the archive itself says, which rkt-unpack hashes while it reads. */
struct reading {
	struct unpack_reply reply;
	struct image_manifest manifest;
	char *text;
	size_t len;
};

static void reading_clear(struct reading *q)
{
	unpack_reply_clear(&q->reply);
	image_manifest_clear(&q->manifest);
	free(q->text);
}
static inline void reading_clear_auto(struct reading *q) { reading_clear(q); }

static int unpack(int exe_fd, int blob_fd, int manifest_fd, struct unpack_reply *reply, struct err *err)
{
	AUTO(unpack_free) struct unpack *u = NULL;
	char *const args[] = { (char *)"import", NULL };
	int fds[UNPACK_FDS] = { blob_fd, -1, STDERR_FILENO }, r;

	fds[UNPACK_FD_BLOB] = fds[UNPACK_FD_DIR] = fds[UNPACK_FD_TREE] = -1;
	fds[UNPACK_FD_MANIFEST] = manifest_fd;
	r = unpack_start(exe_fd, args, fds, &u, err);
	return r < 0 ? r : unpack_wait(u, reply, err);
}

static int read_archive(struct store *s, int exe_fd, const char *key, struct reading *ret, struct err *err)
{
	AUTO(close) int blob_fd = -1, manifest_fd = -1;
	int r;

	r = store_open_key(s, key, &blob_fd, err);
	if (r >= 0)
		r = store_temp_file(s, &manifest_fd, err);
	if (r >= 0)
		r = unpack(exe_fd, blob_fd, manifest_fd, &ret->reply, err);
	if (r < 0)
		return r;
	r = fd_read_file(manifest_fd, MANIFEST_MAX_BYTES, &ret->text, &ret->len);
	if (r < 0)
		return err_sys(err, r, "cannot read the manifest");
	return image_manifest_read(ret->text, ret->len, &ret->manifest, err);
}

static int check(const struct reading *q, const struct image_info *info, struct err *err)
{
	if (!str_eq(q->reply.id, info->id))
		return err_set(err, -ERR_BAD_INPUT, "image hash does not match expected (%s != %s)", q->reply.id,
			       info->id);
	if (!str_eq(q->manifest.name, info->name))
		return err_set(err, -ERR_BAD_INPUT, "its archive calls it '%s'", q->manifest.name);
	return 0;
}

static void take(struct image_info *info, const struct reading *q)
{
	labels_free(info->labels, info->n_labels);
	info->labels = labels_copy(q->manifest.labels, q->manifest.n_labels);
	info->n_labels = q->manifest.n_labels;
	info->depends = q->manifest.n_dependencies > 0;
	info->size = q->reply.size;
	info->latest = false;
	info->vouched = true;
	free(TAKE(info->verified_by));
}

int store_vouch(struct store *s, int unpack_exe_fd, struct image_info *info, struct err *err)
{
	AUTO(reading_clear) struct reading q = {};
	AUTO(image_info_clear) struct image_info sure = {};
	AUTO(free) char *key = store_key(info->id);
	int r;

	if (info->vouched || info->format)
		return 0;
	r = store_use(s, err);
	if (r >= 0)
		r = read_archive(s, unpack_exe_fd, key, &q, err);
	if (r >= 0)
		r = check(&q, info, err);
	if (r < 0)
		return err_wrap(err, r, "the image '%s' is not what is known of it", info->name);
	take(info, &q);
	/* Where it came from and whether it is current is still what somebody else says. */
	sure = image_info_copy(info);
	free(TAKE(sure.source));
	free(TAKE(sure.etag));
	free(TAKE(sure.last_modified));
	sure.max_age = sure.checked = 0;
	return vouch_save(s, &sure, q.text, q.len, err);
}
