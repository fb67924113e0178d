#include "store/layout.h"

#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "spec/types.h"

enum { DATA_DIR_MODE = 02750, KEY_DIGITS = IMAGE_KEY_LEN - 7 };

static const char hash_prefix[] = "sha512-", tree_prefix[] = "deps-";

static const char *const directories[] = {
	"cas", "cas/blob", "cas/blob/sha512", "cas/imageManifest", "cas/imageManifest/sha512", "cas/image",
	"cas/name", "cas/tmp",
};

/* Hands a directory that root just made to the group rkt, where there is one. */
static int give_to_group(int dir_fd, const char *path)
{
	const struct group *group;

	if (geteuid())
		return 0;
	group = getgrnam("rkt");
	if (!group) {
		log_debug("group \"rkt\" not found, will use default gid when rendering images");
		return 0;
	}
	return fchownat(dir_fd, path, (uid_t)-1, group->gr_gid, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int make_directory(int dir_fd, const char *path, mode_t mode)
{
	int r;

	r = dir_make(dir_fd, path, mode);
	if (r == -EEXIST)
		return 0;
	return r < 0 ? r : give_to_group(dir_fd, path);
}

static int make_data_dir(const char *path, struct err *err)
{
	const char *last = path_last(path);
	AUTO(free) char *parent = last - path > 1 ? xstrndup(path, (size_t)(last - path) - 1) : NULL;
	struct stat st;
	int r = 0;

	if (stat(path, &st) == 0)
		return 0;
	if (parent)
		r = dir_make_all(AT_FDCWD, parent, 0755);
	if (r >= 0)
		r = make_directory(AT_FDCWD, path, DATA_DIR_MODE);
	return r < 0 ? err_sys(err, r, "cannot make the data directory '%s'", path) : 0;
}

static int make_layout(struct store *s, int data_fd, struct err *err)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(directories); i++) {
		r = make_directory(data_fd, directories[i], STORE_DIR_MODE);
		if (r < 0)
			return err_sys(err, r, "cannot make the directory '%s/%s'", s->path, directories[i]);
	}
	/* Only root fills it, so it must not become anybody else's. */
	if (geteuid() == 0) {
		r = dir_make(data_fd, "cas/tree", STORE_TREE_MODE);
		if (r < 0 && r != -EEXIST)
			return err_sys(err, r, "cannot make the directory '%s/cas/tree'", s->path);
	}
	if (faccessat(data_fd, "cas/tmp", W_OK | X_OK, AT_EACCESS) < 0)
		return err_sys(err, -errno, "cannot write to the store '%s/cas'", s->path);
	return 0;
}

int store_open(const char *data_dir, enum store_mode mode, struct store **ret, struct err *err)
{
	AUTO(store_close) struct store *s = xcalloc(1, sizeof(*s));
	AUTO(close) int data_fd = -1;
	int r;

	s->cas_fd = s->tree_fd = s->lock_fd = -1;
	s->mode = mode;
	s->path = path_clean(data_dir);
	if (mode == STORE_WRITE) {
		r = make_data_dir(s->path, err);
		if (r < 0)
			return r;
	}
	data_fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = data_fd < 0 ? -errno : 0;
	if (r >= 0 && mode == STORE_WRITE) {
		r = make_layout(s, data_fd, err);
		if (r < 0)
			return r;
	}
	if (r >= 0)
		r = dir_open(data_fd, "cas", &s->cas_fd);
	if (r < 0 && !(r == -ENOENT && mode == STORE_READ))
		return err_sys(err, r, "cannot open the data directory '%s'", s->path);
	*ret = TAKE(s);
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	close_auto(&s->tree_fd);
	close_auto(&s->lock_fd);	/* which also lets go of the lock */
	close_auto(&s->cas_fd);
	free(s->path);
	free(s);
}

static bool digits_follow(const char *s, const char *prefix)
{
	size_t n = strlen(prefix);

	return str_starts(s, prefix) && strspn(s + n, "0123456789abcdef") == KEY_DIGITS && !s[n + KEY_DIGITS];
}

bool store_key_valid(const char *name)
{
	return digits_follow(name, hash_prefix);
}

bool store_tree_valid(const char *name)
{
	return str_starts(name, tree_prefix) && store_key_valid(name + strlen(tree_prefix));
}

char *store_key(const char *id)
{
	return xstrndup(id, IMAGE_KEY_LEN);
}

char *store_sharded(const char *kind, const char *key)
{
	return xasprintf("%s/sha512/%.2s/%s", kind, key + strlen(hash_prefix), key);
}

int store_make_shard(struct store *s, const char *kind, const char *key, struct err *err)
{
	AUTO(free) char *parent = xasprintf("%s/sha512", kind);
	AUTO(free) char *path = xasprintf("%s/%.2s", parent, key + strlen(hash_prefix));
	int r;

	r = dir_make(s->cas_fd, path, STORE_DIR_MODE);
	if (r == -EEXIST)
		return 0;
	if (r >= 0)
		r = give_to_group(s->cas_fd, path);
	if (r >= 0)
		r = dir_sync(s->cas_fd, parent);
	return r < 0 ? err_sys(err, r, "cannot make the directory '%s/cas/%s'", s->path, path) : 0;
}

int store_tree_dir(struct store *s, int *ret_fd, struct err *err)
{
	AUTO(close) int fd = -1;
	struct stat st;
	int r;

	if (s->tree_fd >= 0) {
		*ret_fd = s->tree_fd;
		return 0;
	}
	r = s->cas_fd < 0 ? -ENOENT : dir_open(s->cas_fd, "tree", &fd);
	if (r >= 0 && fstat(fd, &st) < 0)
		r = -errno;
	if (r == -ENOENT)
		return err_set(err, -ERR_NOT_FOUND, "there are no rendered images in '%s'", s->path);
	if (r < 0)
		return err_sys(err, r, "cannot open '%s/cas/tree'", s->path);
	/* Whoever may write to cas could have put a tree of their own in its place. */
	if (st.st_uid != geteuid() || st.st_mode & 0022)
		return err_set(err, -EPERM, "'%s/cas/tree' can be written by others than its owner", s->path);
	*ret_fd = s->tree_fd = TAKE_FD(fd);
	return 0;
}

int store_each(int dir_fd, const char *path, int (*each)(void *arg, int dir_fd, const char *name), void *arg)
{
	AUTO(closedir) DIR *dir = NULL;
	struct dirent *entry;
	int fd, r;

	r = dir_open(dir_fd, path, &fd);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	while ((errno = 0, entry = readdir(dir))) {
		if (str_eq(entry->d_name, ".") || str_eq(entry->d_name, ".."))
			continue;
		r = each(arg, dirfd(dir), entry->d_name);
		if (r < 0)
			return r;
	}
	return -errno;
}
