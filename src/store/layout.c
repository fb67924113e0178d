#include "store/layout.h"

#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "spec/types.h"

enum { DATA_DIR_MODE = 02750, PREFIX_LEN = 7, KEY_DIGITS = IMAGE_KEY_LEN - PREFIX_LEN };

static const char image_prefix[] = "sha512-", tree_prefix[] = "deps-";
static const char *const blob_prefixes[] = { "sha512-", "sha256-" };

static const char *const directories[] = {
	"blob", "blob/sha512", "blob/sha256", "imageManifest", "imageManifest/sha512", "image", "name", "tmp",
};

static const gid_t no_group = (gid_t)-1;

/* The group rkt, if we are root, who alone can give to it. */
static gid_t find_group(void)
{
	const struct group *group;

	if (geteuid())
		return no_group;
	group = getgrnam("rkt");
	if (!group)
		log_debug("group \"rkt\" not found, will use default gid when rendering images");
	return group ? group->gr_gid : no_group;
}

/* Hands a directory that we just made to the group rkt, where there is one. */
static int give_to_group(struct store *s, int dir_fd)
{
	if (!s->group_known)
		s->group = find_group();
	s->group_known = true;
	return fchown(dir_fd, (uid_t)-1, s->group) < 0 ? -errno : 0;
}

int store_make_top_dir(struct store *s, int dir_fd, const char *path, mode_t mode)
{
	AUTO(close) int fd = -1;
	int r;

	r = dir_make(dir_fd, path, mode);
	if (r < 0)
		return r == -EEXIST ? 0 : r;
	r = dir_open(dir_fd, path, &fd);
	return r < 0 ? r : give_to_group(s, fd);
}

static int make_data_dir(struct store *s, struct err *err)
{
	const char *path = s->path, *last = path_last(path);
	AUTO(free) char *parent = last - path > 1 ? xstrndup(path, (size_t)(last - path) - 1) : NULL;
	struct stat st;
	int r = 0;

	if (stat(path, &st) == 0)
		return 0;
	if (parent)
		r = dir_make_all(AT_FDCWD, parent, 0755);
	if (r >= 0)
		r = store_make_top_dir(s, AT_FDCWD, path, DATA_DIR_MODE);
	return r < 0 ? err_sys(err, r, "cannot make the data directory '%s'", path) : 0;
}

/* A directory of the store's, for the group rkt. Where something is already, it is as it is. */
static int make_store_dir(struct store *s, const char *path)
{
	AUTO(close) int fd = -1;
	int r;

	r = cas_make_dir(s->cas_fd, path, STORE_DIR_MODE);
	if (r < 0)
		return r == -EEXIST ? 0 : r;
	fd = cas_open(s->cas_fd, path, O_RDONLY | O_DIRECTORY, 0);
	return fd < 0 ? fd : give_to_group(s, fd);
}

static int make_layout(struct store *s, struct err *err)
{
	AUTO(close) int tmp_fd = -1;
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(directories); i++) {
		r = make_store_dir(s, directories[i]);
		if (r < 0)
			return err_sys(err, r, "cannot make the directory '%s/cas/%s'", s->path, directories[i]);
	}
	/* Only root fills it, so it must not become anybody else's. */
	if (geteuid() == 0) {
		r = cas_make_dir(s->cas_fd, "tree", STORE_TREE_MODE);
		if (r < 0 && r != -EEXIST)
			return err_sys(err, r, "cannot make the directory '%s/cas/tree'", s->path);
	}
	tmp_fd = cas_open(s->cas_fd, "tmp", O_PATH | O_DIRECTORY, 0);
	if (tmp_fd < 0 || faccessat(tmp_fd, ".", W_OK | X_OK, AT_EACCESS) < 0)
		return err_sys(err, tmp_fd < 0 ? tmp_fd : -errno, "cannot write to the store '%s/cas'", s->path);
	return 0;
}

int store_open(const char *data_dir, enum store_mode mode, struct store **ret, struct err *err)
{
	AUTO(store_close) struct store *s = xcalloc(1, sizeof(*s));
	int r;

	s->data_fd = s->cas_fd = s->vouch_fd = s->tree_fd = s->lock_fd = -1;
	s->mode = mode;
	s->path = path_clean(data_dir);
	if (mode == STORE_WRITE) {
		r = make_data_dir(s, err);
		if (r < 0)
			return r;
	}
	s->data_fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = s->data_fd < 0 ? -errno : 0;
	if (r >= 0 && mode == STORE_WRITE)
		r = store_make_top_dir(s, s->data_fd, "cas", STORE_DIR_MODE);
	if (r >= 0)
		r = dir_open(s->data_fd, "cas", &s->cas_fd);
	if (r < 0 && !(r == -ENOENT && mode == STORE_READ))
		return err_sys(err, r, "cannot open the data directory '%s'", s->path);
	if (mode == STORE_WRITE) {
		r = make_layout(s, err);
		if (r < 0)
			return r;
	}
	*ret = TAKE(s);
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->n_known; i++) {
		free(s->known[i].key);
		free(s->known[i].id);
		close(s->known[i].fd);
	}
	free(s->known);
	close_auto(&s->tree_fd);
	close_auto(&s->lock_fd);	/* which also lets go of the lock */
	close_auto(&s->vouch_fd);
	close_auto(&s->cas_fd);
	close_auto(&s->data_fd);
	free(s->path);
	free(s);
}

static bool digits_follow(const char *s, const char *prefix)
{
	return str_starts(s, prefix) && strspn(s + PREFIX_LEN, "0123456789abcdef") == KEY_DIGITS &&
	       !s[PREFIX_LEN + KEY_DIGITS];
}

bool store_key_valid(const char *name)
{
	return digits_follow(name, image_prefix);
}

bool store_blob_valid(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(blob_prefixes); i++)
		if (digits_follow(name, blob_prefixes[i]))
			return true;
	return false;
}

const char *store_tree_replaced(const char *name)
{
	const char *tree = str_starts(name, "old.") ? strrchr(name, '.') + 1 : NULL;

	return tree && store_tree_valid(tree) ? tree : NULL;
}

bool store_tree_valid(const char *name)
{
	return str_starts(name, tree_prefix) && store_key_valid(name + strlen(tree_prefix));
}

char *store_key(const char *id)
{
	return xstrndup(id, IMAGE_KEY_LEN);
}

char *store_shard(const char *kind, const char *key)
{
	return xasprintf("%s/%.*s/%.2s", kind, PREFIX_LEN - 1, key, key + PREFIX_LEN);
}

char *store_sharded(const char *kind, const char *key)
{
	AUTO(free) char *shard = store_shard(kind, key);

	return xasprintf("%s/%s", shard, key);
}

int store_make_shard(struct store *s, const char *kind, const char *key, struct err *err)
{
	AUTO(free) char *path = store_shard(kind, key);
	AUTO(free) char *parent = xstrndup(path, strlen(path) - 3);
	int r;

	if (cas_look(s->cas_fd, path) == 0)
		return 0;
	r = make_store_dir(s, path);
	if (r >= 0)
		r = cas_sync_dir(s->cas_fd, parent);
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
	fd = cas_open(s->cas_fd, "tree", O_RDONLY | O_DIRECTORY, 0);
	r = fd < 0 ? fd : 0;
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

	fd = path_open_beneath(dir_fd, path, O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
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
