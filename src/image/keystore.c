#include "image/keystore.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "spec/types.h"

enum { FINGERPRINT_LEN = 40, KEY_MAX = 1 << 20, PREFIX_DEPTH_MAX = 64 };

#define KEYS_DIR   "trustedkeys"
#define ROOT_DIR   "root.d"
#define PREFIX_DIR "prefix.d"

static bool is_fingerprint(const char *s)
{
	return strlen(s) == FINGERPRINT_LEN && strspn(s, "0123456789abcdef") == FINGERPRINT_LEN;
}

/* One directory that may hold keys; dir_fd stays the walk's. */
typedef int visit_fn(void *arg, int dir_fd, const char *path, struct err *err);

/* Replaces *fd and *path by one directory below; never through a link. */
static int descend(int *fd, char **path, const char *name, struct err *err)
{
	AUTO(free) char *next = xasprintf("%s/%s", *path, name);
	int next_fd = -1, r;

	if (!*name || str_eq(name, ".") || str_eq(name, ".."))
		return err_set(err, -ERR_BAD_INPUT, "'%s' is no part of a name", name);
	r = dir_open(*fd, name, &next_fd);
	if (r < 0)
		return err_sys(err, r, "cannot open '%s'", next);
	close(*fd);
	*fd = next_fd;
	free(*path);
	*path = TAKE(next);
	return 0;
}

/* Visits each directory of prefix.d that name lies in, shortest first. */
static int walk_prefixes(int *fd, char **path, const char *name, visit_fn *visit, void *arg, struct err *err)
{
	AUTO(strv_free) char **parts = strv_split(name, '/');
	int r;

	for (size_t i = 0; parts[i]; i++) {
		r = descend(fd, path, parts[i], err);
		if (r >= 0)
			r = visit(arg, *fd, *path, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Opens root.d or prefix.d. -ENOENT: there is none. */
static int open_keys(const char *config, const char *sub, int *fd, char **path, struct err *err)
{
	int r;

	if (!config)
		return -ENOENT;
	*path = xstrdup(config);
	*fd = open(config, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd < 0)
		return err_sys(err, -errno, "cannot open '%s'", config);
	r = descend(fd, path, KEYS_DIR, err);
	return r < 0 ? r : descend(fd, path, sub, err);
}

/* name NULL: root.d, else what prefix.d has for it. */
static int walk_one(const char *config, const char *name, visit_fn *visit, void *arg, struct err *err)
{
	AUTO(free) char *path = NULL;
	AUTO(close) int fd = -1;
	int r = open_keys(config, name ? PREFIX_DIR : ROOT_DIR, &fd, &path, err);

	if (r >= 0)
		r = name ? walk_prefixes(&fd, &path, name, visit, arg, err) : visit(arg, fd, path, err);
	return r == -ENOENT ? 0 : r;	/* an absent directory holds no keys */
}

/*
 * The administrator's directories come after the vendor's, so that an empty
 * file there always masks, whichever prefix the vendor chose.
 */
static int walk(const char *system_dir, const char *local_dir, bool roots, const char *name, visit_fn *visit,
		void *arg, struct err *err)
{
	int r = 0;

	if (roots)
		r = walk_one(system_dir, NULL, visit, arg, err);
	if (r >= 0 && roots)
		r = walk_one(local_dir, NULL, visit, arg, err);
	if (r >= 0 && name)
		r = walk_one(system_dir, name, visit, arg, err);
	if (r >= 0 && name)
		r = walk_one(local_dir, name, visit, arg, err);
	return r < 0 ? r : 0;
}

struct key_set {
	struct trusted_key *keys;
	size_t n;
	bool every;	/* keep each that is not empty: masks are for a name to decide */
};

static void key_clear(struct trusted_key *key)
{
	free(key->fingerprint);
	free(key->path);
	free(key->armor);
}

/* A key of the same fingerprint is replaced; an empty one takes it away. */
static void set_put(struct key_set *set, struct trusted_key *key)
{
	for (size_t i = 0; !set->every && i < set->n; i++) {
		if (!str_eq(set->keys[i].fingerprint, key->fingerprint))
			continue;
		key_clear(&set->keys[i]);
		set->keys[i] = set->keys[--set->n];
		break;
	}
	if (!*key->armor) {
		key_clear(key);
		return;
	}
	set->keys = xreallocarray(set->keys, set->n + 1, sizeof(*set->keys));
	set->keys[set->n++] = *key;
}

static int read_key(struct key_set *set, int dir_fd, const char *dir, const char *name, struct err *err)
{
	struct trusted_key key = {};
	struct stat st;
	size_t len = 0;
	int r;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(err, -errno, "cannot read key '%s/%s'", dir, name);
	if (S_ISDIR(st.st_mode))
		return 0;	/* a longer prefix */
	if (!is_fingerprint(name)) {
		log_warn("'%s/%s' is not named by a key's fingerprint, passing over it", dir, name);
		return 0;
	}
	r = file_read(dir_fd, name, KEY_MAX, &key.armor, &len);
	if (r == -ELOOP || r == -EINVAL)
		return err_set(err, r, "key '%s/%s' is not a regular file", dir, name);
	if (r < 0)
		return err_sys(err, r, "cannot read key '%s/%s'", dir, name);
	if (strlen(key.armor) != len) {
		free(key.armor);
		return err_set(err, -ERR_BAD_INPUT, "key '%s/%s' is not armored", dir, name);
	}
	key.fingerprint = xstrdup(name);
	key.path = xasprintf("%s/%s", dir, name);
	set_put(set, &key);
	return 0;
}

/* A stream of its own, since dir_fd is still needed to go on from. */
static int dir_stream(int dir_fd, const char *path, DIR **ret, struct err *err)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	*ret = fd < 0 ? NULL : fdopendir(fd);
	if (*ret)
		return 0;
	r = -errno;
	if (fd >= 0)
		close(fd);
	return err_sys(err, r, "cannot read '%s'", path);
}

static int load_dir(void *arg, int dir_fd, const char *path, struct err *err)
{
	AUTO(closedir) DIR *dir = NULL;
	struct dirent *entry;
	int r;

	r = dir_stream(dir_fd, path, &dir, err);
	while (r >= 0 && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			r = read_key(arg, dir_fd, path, entry->d_name, err);
	return r;
}

/* What fails with -ENOENT went away while we were looking. */
static int load_tree(struct key_set *set, int dir_fd, const char *path, int depth, struct err *err)
{
	AUTO(closedir) DIR *dir = NULL;
	struct dirent *entry;
	int r = load_dir(set, dir_fd, path, err);

	if (r >= 0)
		r = dir_stream(dir_fd, path, &dir, err);
	while (r >= 0 && (entry = readdir(dir))) {
		AUTO(free) char *below = xasprintf("%s/%s", path, entry->d_name);
		AUTO(close) int fd = -1;
		int found = entry->d_name[0] == '.' ? -ENOTDIR : dir_open(dir_fd, entry->d_name, &fd);

		if (found == -ENOTDIR || found == -ENOENT || found == -ELOOP)
			continue;
		if (found < 0)
			return err_sys(err, found, "cannot open '%s'", below);
		if (depth == PREFIX_DEPTH_MAX)
			return err_set(err, -ELOOP, "'%s' lies too deep", below);
		r = load_tree(set, fd, below, depth + 1, err);
	}
	return r;
}

int keystore_load_all(const char *system_dir, const char *local_dir, struct trusted_key **ret, size_t *ret_n,
		      struct err *err)
{
	const struct { const char *config, *sub; } places[] = {
		{ system_dir, ROOT_DIR }, { local_dir, ROOT_DIR }, { system_dir, PREFIX_DIR },
		{ local_dir, PREFIX_DIR },
	};
	struct key_set set = { .every = true };
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_LEN(places); i++) {
		AUTO(free) char *path = NULL;
		AUTO(close) int fd = -1;

		r = open_keys(places[i].config, places[i].sub, &fd, &path, err);
		if (r >= 0)
			r = load_tree(&set, fd, path, 0, err);
		if (r == -ENOENT)
			r = 0;
	}
	if (r < 0) {
		trusted_keys_free(set.keys, set.n);
		return err_wrap(err, r, "cannot load trusted keys");
	}
	*ret = set.keys;
	*ret_n = set.n;
	return 0;
}

int keystore_load(const char *system_dir, const char *local_dir, const char *name, struct trusted_key **ret,
		  size_t *ret_n, struct err *err)
{
	struct key_set set = {};
	int r = walk(system_dir, local_dir, true, name, load_dir, &set, err);

	if (r < 0) {
		trusted_keys_free(set.keys, set.n);
		return err_wrap(err, r, "cannot load trusted keys");
	}
	*ret = set.keys;
	*ret_n = set.n;
	return 0;
}

void trusted_keys_free(struct trusted_key *keys, size_t n)
{
	for (size_t i = 0; i < n; i++)
		key_clear(&keys[i]);
	free(keys);
}

struct lookup {
	const char *fingerprint;
	bool trusted;
};

static int look_dir(void *arg, int dir_fd, const char *path, struct err *err)
{
	struct lookup *look = arg;
	struct stat st;

	if (fstatat(dir_fd, look->fingerprint, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(err, -errno, "cannot look into '%s'", path);
	if (!S_ISDIR(st.st_mode))
		look->trusted = S_ISREG(st.st_mode) && st.st_size > 0;
	return 0;
}

/* What cannot be looked at is not trusted: the mask might lie there. */
bool keystore_trusts(const char *system_dir, const char *local_dir, const char *name, const char *fingerprint)
{
	struct lookup look = { .fingerprint = fingerprint };

	if (!is_fingerprint(fingerprint))
		return false;
	return walk(system_dir, local_dir, true, name, look_dir, &look, NULL) >= 0 && look.trusted;
}

bool keystore_has_prefix_key(const char *system_dir, const char *local_dir, const char *name)
{
	struct key_set set = {};
	bool found = walk(system_dir, local_dir, false, name, load_dir, &set, NULL) >= 0 && set.n;

	trusted_keys_free(set.keys, set.n);
	return found;
}

int keystore_add(const char *local_dir, const char *prefix, const char *fingerprint, const char *armor,
		 char **ret_path, struct err *err)
{
	AUTO(free) char *dir = NULL;
	AUTO(free) char *path = NULL;
	int r;

	if (!is_fingerprint(fingerprint))
		return err_set(err, -ERR_BAD_INPUT, "'%s' is no key fingerprint", fingerprint);
	if (!*armor || strlen(armor) > KEY_MAX)
		return err_set(err, -ERR_BAD_INPUT, "a key has between 1 and %d bytes", KEY_MAX);
	if (prefix) {
		r = ac_identifier_check(prefix, err);
		if (r < 0)
			return err_wrap(err, r, "cannot trust a key for prefix '%s'", prefix);
	}
	dir = prefix ? xasprintf("%s/" KEYS_DIR "/" PREFIX_DIR "/%s", local_dir, prefix)
		     : xasprintf("%s/" KEYS_DIR "/" ROOT_DIR, local_dir);
	r = dir_make_all(AT_FDCWD, dir, 0755);
	if (r < 0)
		return err_sys(err, r, "cannot create '%s'", dir);
	path = xasprintf("%s/%s", dir, fingerprint);
	r = file_write_atomic(AT_FDCWD, path, armor, strlen(armor), 0644);
	if (r < 0)
		return err_sys(err, r, "cannot write '%s'", path);
	*ret_path = TAKE(path);
	return 0;
}
