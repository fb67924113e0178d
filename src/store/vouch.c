#include "store/vouch.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/crash.h"
#include "base/fd.h"
#include "store/info.h"

#define DIR_NAME "vouched"
#define MANIFEST_SUFFIX ".manifest"
enum { DIR_MODE = 02750 };

/* --- the directory --------------------------------------------------------------- */

/* Whoever else could write there could vouch. */
static bool is_roots(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_uid == 0 && !(st.st_mode & 0022);
}

/* -ENOENT: root never vouched for anything. It stays the store's. */
static int open_dir(struct store *s)
{
	AUTO(close) int fd = -1;
	int r;

	if (s->vouch_fd >= 0)
		return s->vouch_fd;
	if (s->data_fd < 0)
		return -ENOENT;
	r = dir_open(s->data_fd, DIR_NAME, &fd);
	if (r < 0)
		return r;
	if (!is_roots(fd))
		return -EPERM;
	s->vouch_fd = TAKE_FD(fd);
	return s->vouch_fd;
}

static int make_dir(struct store *s, struct err *err)
{
	int r = s->data_fd < 0 ? -ENOENT : store_make_top_dir(s, s->data_fd, DIR_NAME, DIR_MODE);

	if (r >= 0)
		r = open_dir(s);
	if (r == -EPERM)
		return err_set(err, r, "'%s/" DIR_NAME "' can be written by others than root", s->path);
	return r < 0 ? err_sys(err, r, "cannot make the directory '%s/" DIR_NAME "'", s->path) : r;
}

/* --- reading ----------------------------------------------------------------------- */

/* The file as an fd of the caller's. -ERR_NOT_FOUND: nothing that counts. */
static int open_file(struct store *s, const char *name, int *ret_fd)
{
	AUTO(close) int fd = -1;
	int dir_fd = open_dir(s);

	if (dir_fd < 0)
		return -ERR_NOT_FOUND;
	fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || !is_roots(fd))
		return -ERR_NOT_FOUND;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int vouch_load(struct store *s, const char *key, struct image_info *ret, struct err *err)
{
	AUTO(close) int fd = -1;
	int r = open_file(s, key, &fd);

	if (r < 0)
		return err_set(err, r, "root does not vouch for the image '%s'", key);
	r = facts_parse(fd, key, ret, err);
	if (r < 0)
		return err_wrap(err, r, "cannot read what root knows of the image '%s'", key);
	ret->vouched = true;
	return 0;
}

int vouch_manifest(struct store *s, const char *key, char **ret, size_t *ret_len, struct err *err)
{
	AUTO(free) char *name = xasprintf("%s" MANIFEST_SUFFIX, key);
	AUTO(close) int fd = -1;
	int r = open_file(s, name, &fd);

	if (r < 0)
		return err_set(err, r, "root knows no manifest of the image '%s'", key);
	r = fd_read_file(fd, MANIFEST_MAX_BYTES, ret, ret_len);
	return r < 0 ? err_sys(err, r, "cannot read the manifest of the image '%s'", key) : 0;
}

/* --- changing ---------------------------------------------------------------------- */

int vouch_save(struct store *s, const struct image_info *info, const char *manifest, size_t len, struct err *err)
{
	AUTO(image_info_clear) struct image_info lasting = image_info_copy(info);
	AUTO(free) char *key = store_key(info->id), *text = NULL, *name = xasprintf("%s" MANIFEST_SUFFIX, key);
	int dir_fd = make_dir(s, err), r = 0;

	if (dir_fd < 0)
		return dir_fd;
	free(TAKE(lasting.tree));
	lasting.tree_size = 0;
	for (int i = (int)lasting.n_others; i > 0; i--)
		if (!lasting.others[i - 1].vouched)
			image_name_drop(&lasting, i);
	text = facts_format(&lasting);
	crash_at("vouch-rename");
	if (manifest)
		r = file_write_atomic(dir_fd, name, manifest, len, STORE_FILE_MODE);
	crash_at("vouch-facts");
	if (r >= 0)
		r = file_write_atomic(dir_fd, key, text, strlen(text), STORE_FILE_MODE);
	return r < 0 ? err_sys(err, r, "cannot write '%s/" DIR_NAME "/%s'", s->path, key) : 0;
}

int vouch_remove(struct store *s, const char *key, struct err *err)
{
	AUTO(free) char *manifest = xasprintf("%s" MANIFEST_SUFFIX, key);
	const char *const names[] = { key, manifest };
	int dir_fd = open_dir(s), r = 0;

	if (dir_fd < 0 || geteuid())
		return 0;
	crash_at("vouch-unlink");
	for (size_t i = 0; i < ARRAY_LEN(names) && r >= 0; i++)
		if (unlinkat(dir_fd, names[i], 0) < 0 && errno != ENOENT)
			r = -errno;
	if (r >= 0)
		r = dir_sync(dir_fd, ".");
	return r < 0 ? err_sys(err, r, "cannot remove '%s/" DIR_NAME "/%s'", s->path, key) : 0;
}

/* --- all of it --------------------------------------------------------------------- */

int vouch_each(struct store *s, int (*each)(void *arg, int dir_fd, const char *name), void *arg)
{
	int dir_fd = open_dir(s);

	return dir_fd < 0 || geteuid() ? 0 : store_each(dir_fd, ".", each, arg);
}

char *vouch_key(const char *file)
{
	AUTO(free) char *key = xstrdup(file);
	char *suffix = strrchr(key, '.');

	if (suffix && str_eq(suffix, MANIFEST_SUFFIX))
		*suffix = '\0';
	return store_key_valid(key) ? TAKE(key) : NULL;
}
