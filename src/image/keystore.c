#include "image/keystore.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/log.h"
#include "image/wire.h"
#include "spec/types.h"

enum { KEY_MAX = 1 << 20, PREFIX_DEPTH_MAX = 64 };

#define KEYS_DIR "trustedkeys"

static const char accepted_text[] = "OCI images below this name are accepted unsigned.\n";

/* Where each kind lies below KEYS_DIR. */
static const struct { const char *root, *prefix; } places[TRUST_KINDS] = {
	[TRUST_OPENPGP] = { "root.d", "prefix.d" },
	[TRUST_COSIGN] = { "cosign.d/root.d", "cosign.d/prefix.d" },
	[TRUST_UNSIGNED] = { NULL, "accepted.d" },
};

/* What a file is called: NAME, or a fingerprint and SUFFIX. */
static const struct { const char *name, *suffix; } files[TRUST_KINDS] = {
	[TRUST_OPENPGP] = { NULL, "" },
	[TRUST_COSIGN] = { NULL, ".PEM" },
	[TRUST_UNSIGNED] = { "ACCEPTED", NULL },
};

/* The caller frees it. */
static char *file_of(const char *fingerprint)
{
	enum trust_kind kind = fingerprint_kind(fingerprint);

	return files[kind].name ? xstrdup(files[kind].name) : xasprintf("%s%s", fingerprint, files[kind].suffix);
}

/* And back. NULL: no file of that kind. The caller frees it. */
static char *fingerprint_of(enum trust_kind kind, const char *file)
{
	const char *suffix = files[kind].suffix;
	AUTO(free) char *fingerprint = NULL;

	if (files[kind].name)
		return str_eq(file, files[kind].name) ? xstrdup(FINGERPRINT_ACCEPTED) : NULL;
	if (!str_ends(file, suffix))
		return NULL;
	fingerprint = xstrndup(file, strlen(file) - strlen(suffix));
	return fingerprint_kind(fingerprint) == kind ? TAKE(fingerprint) : NULL;
}

/* --- walking --------------------------------------------------------------- */

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

/* One directory that may hold keys; dir_fd stays the walk's. */
typedef int visit_fn(void *arg, int dir_fd, const char *path, struct err *err);

/* Descends part by part; each directory is visited where visit is given. */
static int descend_all(int *fd, char **path, const char *below, visit_fn *visit, void *arg, struct err *err)
{
	AUTO(strv_free) char **parts = strv_split(below, '/');
	int r;

	for (size_t i = 0; parts[i]; i++) {
		r = descend(fd, path, parts[i], err);
		if (r >= 0 && visit)
			r = visit(arg, *fd, *path, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Opens a directory of places[]. -ENOENT: there is none. */
static int open_keys(const char *config, const char *sub, int *fd, char **path, struct err *err)
{
	int r;

	if (!config || !sub)
		return -ENOENT;
	*path = xstrdup(config);
	*fd = open(config, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd < 0)
		return err_sys(err, -errno, "cannot open '%s'", config);
	r = descend(fd, path, KEYS_DIR, err);
	return r < 0 ? r : descend_all(fd, path, sub, NULL, NULL, err);
}

/* name NULL: the root keys, else what the prefixes that name lies in have, shortest first. */
static int walk_one(const char *config, enum trust_kind kind, const char *name, visit_fn *visit, void *arg,
		    struct err *err)
{
	AUTO(free) char *path = NULL;
	AUTO(close) int fd = -1;
	int r = open_keys(config, name ? places[kind].prefix : places[kind].root, &fd, &path, err);

	if (r >= 0)
		r = name ? descend_all(&fd, &path, name, visit, arg, err) : visit(arg, fd, path, err);
	return r == -ENOENT ? 0 : r;	/* an absent directory holds no keys */
}

/*
 * The administrator's directories come after the vendor's, so that an empty
 * file there always masks, whichever prefix the vendor chose.
 */
static int walk(const char *system_dir, const char *local_dir, enum trust_kind kind, bool roots, const char *name,
		visit_fn *visit, void *arg, struct err *err)
{
	int r = 0;

	if (roots)
		r = walk_one(system_dir, kind, NULL, visit, arg, err);
	if (r >= 0 && roots)
		r = walk_one(local_dir, kind, NULL, visit, arg, err);
	if (r >= 0 && name)
		r = walk_one(system_dir, kind, name, visit, arg, err);
	if (r >= 0 && name)
		r = walk_one(local_dir, kind, name, visit, arg, err);
	return r < 0 ? r : 0;
}

/* --- files ------------------------------------------------------------------- */

/* A file of a directory, told by its name to be of the kind that was asked for. */
struct key_file {
	int dir_fd;
	const char *dir, *name, *fingerprint;
	struct stat st;
};
typedef int file_fn(void *arg, const struct key_file *f, struct err *err);

/* What is done with the files of each directory, and of which kind they must be. */
struct reader {
	enum trust_kind kind;
	file_fn *file;
	void *arg;
};

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

static int read_file(const struct reader *reader, int dir_fd, const char *dir, const char *name, struct err *err)
{
	AUTO(free) char *fingerprint = fingerprint_of(reader->kind, name);
	struct key_file f = { .dir_fd = dir_fd, .dir = dir, .name = name, .fingerprint = fingerprint };

	if (fstatat(dir_fd, name, &f.st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(err, -errno, "cannot read key '%s/%s'", dir, name);
	if (S_ISDIR(f.st.st_mode))
		return 0;	/* a longer prefix */
	if (fingerprint)
		return reader->file(reader->arg, &f, err);
	log_warn("'%s/%s' is not named by a key's fingerprint, passing over it", dir, name);
	return 0;
}

static int read_dir(void *arg, int dir_fd, const char *path, struct err *err)
{
	AUTO(closedir) DIR *dir = NULL;
	struct dirent *entry;
	int r = dir_stream(dir_fd, path, &dir, err);

	while (r >= 0 && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			r = read_file(arg, dir_fd, path, entry->d_name, err);
	return r;
}

/* The same for all prefixes. What fails with -ENOENT went away while we were looking. */
static int read_tree(struct reader *reader, int dir_fd, const char *path, int depth, struct err *err)
{
	AUTO(closedir) DIR *dir = NULL;
	struct dirent *entry;
	int r = read_dir(reader, dir_fd, path, err);

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
		r = read_tree(reader, fd, below, depth + 1, err);
	}
	return r;
}

static int read_place(struct reader *reader, const char *config, const char *sub, struct err *err)
{
	AUTO(free) char *path = NULL;
	AUTO(close) int fd = -1;
	int r = open_keys(config, sub, &fd, &path, err);

	if (r >= 0)
		r = read_tree(reader, fd, path, 0, err);
	return r == -ENOENT ? 0 : r;
}

/* --- loading ----------------------------------------------------------------- */

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

static int load_key(void *arg, const struct key_file *f, struct err *err)
{
	struct trusted_key key = {};
	size_t len = 0;
	int r = file_read(f->dir_fd, f->name, KEY_MAX, &key.armor, &len);

	if (r == -ELOOP || r == -EINVAL)
		return err_set(err, r, "key '%s/%s' is not a regular file", f->dir, f->name);
	if (r < 0)
		return err_sys(err, r, "cannot read key '%s/%s'", f->dir, f->name);
	if (strlen(key.armor) != len) {
		free(key.armor);
		return err_set(err, -ERR_BAD_INPUT, "key '%s/%s' is not armored", f->dir, f->name);
	}
	key.fingerprint = xstrdup(f->fingerprint);
	key.path = xasprintf("%s/%s", f->dir, f->name);
	set_put(arg, &key);
	return 0;
}

/* What loading ends with: the keys, or none and why. */
static int hand_over(struct key_set *set, int r, struct trusted_key **ret, size_t *ret_n, struct err *err)
{
	if (r < 0) {
		trusted_keys_free(set->keys, set->n);
		return err_wrap(err, r, "cannot load trusted keys");
	}
	*ret = set->keys;
	*ret_n = set->n;
	return 0;
}

int keystore_load_all(const char *system_dir, const char *local_dir, enum trust_kind kind,
		      struct trusted_key **ret, size_t *ret_n, struct err *err)
{
	struct key_set set = { .every = true };
	struct reader reader = { .kind = kind, .file = load_key, .arg = &set };
	int r = read_place(&reader, system_dir, places[kind].root, err);

	if (r >= 0)
		r = read_place(&reader, local_dir, places[kind].root, err);
	if (r >= 0)
		r = read_place(&reader, system_dir, places[kind].prefix, err);
	if (r >= 0)
		r = read_place(&reader, local_dir, places[kind].prefix, err);
	return hand_over(&set, r, ret, ret_n, err);
}

int keystore_load(const char *system_dir, const char *local_dir, enum trust_kind kind, const char *name,
		  struct trusted_key **ret, size_t *ret_n, struct err *err)
{
	struct key_set set = {};
	struct reader reader = { .kind = kind, .file = load_key, .arg = &set };
	int r = walk(system_dir, local_dir, kind, true, name, read_dir, &reader, err);

	return hand_over(&set, r, ret, ret_n, err);
}

void trusted_keys_free(struct trusted_key *keys, size_t n)
{
	for (size_t i = 0; i < n; i++)
		key_clear(&keys[i]);
	free(keys);
}

struct wire_trusted *trusted_keys_told(const struct trusted_key *keys, size_t n)
{
	struct wire_trusted *list = xcalloc(n + 1, sizeof(*list));

	for (size_t i = 0; i < n; i++) {
		list[i].fingerprint = xstrdup(keys[i].fingerprint);
		list[i].armor = xstrdup(keys[i].armor);
	}
	return list;
}

/* --- looking up ---------------------------------------------------------------- */

struct lookup {
	const char *file;
	bool trusted;
};

static int look_dir(void *arg, int dir_fd, const char *path, struct err *err)
{
	struct lookup *look = arg;
	struct stat st;

	if (fstatat(dir_fd, look->file, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(err, -errno, "cannot look into '%s'", path);
	if (!S_ISDIR(st.st_mode))
		look->trusted = S_ISREG(st.st_mode) && st.st_size > 0;
	return 0;
}

/* What cannot be looked at is not trusted: the mask might lie there. */
bool keystore_trusts(const char *system_dir, const char *local_dir, const char *name, const char *fingerprint)
{
	enum trust_kind kind = fingerprint_kind(fingerprint);
	AUTO(free) char *file = NULL;
	struct lookup look = {};

	if (kind == TRUST_NONE)
		return false;
	look.file = file = file_of(fingerprint);
	return walk(system_dir, local_dir, kind, true, name, look_dir, &look, NULL) >= 0 && look.trusted;
}

bool keystore_accepts(const char *system_dir, const char *local_dir, const char *name)
{
	return keystore_trusts(system_dir, local_dir, name, FINGERPRINT_ACCEPTED);
}

bool keystore_has_prefix_key(const char *system_dir, const char *local_dir, const char *name)
{
	struct key_set set = {};
	struct reader reader = { .kind = TRUST_OPENPGP, .file = load_key, .arg = &set };
	bool found = walk(system_dir, local_dir, TRUST_OPENPGP, false, name, read_dir, &reader, NULL) >= 0 && set.n;

	trusted_keys_free(set.keys, set.n);
	return found;
}

/* --- changing ------------------------------------------------------------------ */

/* Directory and file for a fingerprint. The caller frees both. */
static int place_of(const char *config, const char *prefix, const char *fingerprint, char **ret_dir,
		    char **ret_path, struct err *err)
{
	enum trust_kind kind = fingerprint_kind(fingerprint);
	AUTO(free) char *file = NULL;
	int r;

	if (kind == TRUST_NONE)
		return err_set(err, -ERR_BAD_INPUT, "'%s' is no key fingerprint", fingerprint);
	if (!prefix && !places[kind].root)
		return err_set(err, -ERR_BAD_INPUT, "unsigned images can be accepted for a prefix only");
	r = prefix ? ac_identifier_check(prefix, err) : 0;
	if (r < 0)
		return err_wrap(err, r, "cannot trust anything for prefix '%s'", prefix);
	file = file_of(fingerprint);
	*ret_dir = prefix ? xasprintf("%s/" KEYS_DIR "/%s/%s", config, places[kind].prefix, prefix)
			  : xasprintf("%s/" KEYS_DIR "/%s", config, places[kind].root);
	*ret_path = xasprintf("%s/%s", *ret_dir, file);
	return 0;
}

static int put_file(const char *dir, const char *path, const char *text, struct err *err)
{
	int r = dir_make_all(AT_FDCWD, dir, 0755);

	if (r < 0)
		return err_sys(err, r, "cannot create '%s'", dir);
	r = file_write_atomic(AT_FDCWD, path, text, strlen(text), 0644);
	return r < 0 ? err_sys(err, r, "cannot write '%s'", path) : 0;
}

int keystore_add(const char *local_dir, const char *prefix, const char *fingerprint, const char *armor,
		 char **ret_path, struct err *err)
{
	AUTO(free) char *dir = NULL;
	AUTO(free) char *path = NULL;
	const char *text = fingerprint_kind(fingerprint) == TRUST_UNSIGNED ? accepted_text : armor;
	int r = place_of(local_dir, prefix, fingerprint, &dir, &path, err);

	if (r < 0)
		return r;
	if (!*text || strlen(text) > KEY_MAX)
		return err_set(err, -ERR_BAD_INPUT, "a key has between 1 and %d bytes", KEY_MAX);
	r = put_file(dir, path, text, err);
	if (r < 0)
		return r;
	*ret_path = TAKE(path);
	return 0;
}

/* Is there a file that trusts, not one that masks? */
static int in_force(const char *path, bool *ret, struct err *err)
{
	struct stat st;

	*ret = false;
	if (lstat(path, &st) < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : err_sys(err, -errno, "cannot look at '%s'", path);
	*ret = S_ISREG(st.st_mode) && st.st_size > 0;
	return 0;
}

static int nothing_there(const char *prefix, const char *fingerprint, struct err *err)
{
	if (fingerprint_kind(fingerprint) == TRUST_UNSIGNED)
		return err_set(err, -ERR_NOT_FOUND, "unsigned images are not accepted for prefix \"%s\"", prefix);
	if (prefix)
		return err_set(err, -ERR_NOT_FOUND, "key %s is not trusted for prefix \"%s\"", fingerprint, prefix);
	return err_set(err, -ERR_NOT_FOUND, "key %s is no root key", fingerprint);
}

static int remove_file(const char *dir, const char *path, struct err *err)
{
	int r = unlink(path) < 0 ? -errno : dir_sync(AT_FDCWD, dir);

	return r < 0 ? err_sys(err, r, "cannot remove '%s'", path) : 0;
}

int keystore_remove(const char *system_dir, const char *local_dir, const char *prefix, const char *fingerprint,
		    char **ret_path, struct err *err)
{
	AUTO(free) char *dir = NULL;
	AUTO(free) char *path = NULL;
	AUTO(free) char *vendor_dir = NULL;
	AUTO(free) char *vendor_path = NULL;
	bool vendor = false, local = false, mask;
	struct stat st;
	int r = place_of(local_dir, prefix, fingerprint, &dir, &path, err);

	if (r >= 0)
		r = in_force(path, &local, err);
	if (r >= 0 && system_dir)
		r = place_of(system_dir, prefix, fingerprint, &vendor_dir, &vendor_path, err);
	if (r >= 0 && vendor_path)
		r = in_force(vendor_path, &vendor, err);
	if (r < 0)
		return r;
	mask = !local && lstat(path, &st) == 0;
	if (!local && (!vendor || mask))
		return nothing_there(prefix, fingerprint, err);
	r = vendor ? put_file(dir, path, "", err) : remove_file(dir, path, err);
	if (r < 0)
		return r;
	*ret_path = TAKE(path);
	return vendor;
}

/* --- listing ------------------------------------------------------------------- */

struct listing {
	struct keystore_entry *list;
	size_t n;
	enum trust_kind kind;
	const char *config;
};

static int list_file(void *arg, const struct key_file *f, struct err *err)
{
	struct listing *l = arg;
	AUTO(free) char *base = xasprintf("%s/" KEYS_DIR "/%s", l->config, places[l->kind].prefix);
	bool prefixes = str_starts(f->dir, base);

	if (prefixes && !f->dir[strlen(base)])
		return 0;	/* below no prefix at all: nobody looks there */
	l->list = xreallocarray(l->list, l->n + 1, sizeof(*l->list));
	l->list[l->n++] = (struct keystore_entry){
		.kind = l->kind, .fingerprint = xstrdup(f->fingerprint),
		.path = xasprintf("%s/%s", f->dir, f->name),
		.prefix = prefixes ? xstrdup(f->dir + strlen(base) + 1) : NULL,
		.empty = !f->st.st_size,
	};
	return 0;
}

static int by_path(const void *x, const void *y)
{
	return strcmp(((const struct keystore_entry *)x)->path, ((const struct keystore_entry *)y)->path);
}

static int list_config(struct listing *l, const char *config, struct err *err)
{
	size_t first = l->n;
	int r = 0;

	l->config = config;
	for (l->kind = TRUST_NONE + 1; r >= 0 && l->kind < TRUST_KINDS; l->kind++) {
		struct reader reader = { .kind = l->kind, .file = list_file, .arg = l };

		r = read_place(&reader, config, places[l->kind].root, err);
		if (r >= 0)
			r = read_place(&reader, config, places[l->kind].prefix, err);
	}
	if (l->n > first)
		qsort(l->list + first, l->n - first, sizeof(*l->list), by_path);
	return r;
}

int keystore_list(const char *system_dir, const char *local_dir, struct keystore_entry **ret, size_t *ret_n,
		  struct err *err)
{
	struct listing l = {};
	int r = list_config(&l, system_dir, err);

	if (r >= 0)
		r = list_config(&l, local_dir, err);
	if (r < 0) {
		keystore_entries_free(l.list, l.n);
		return err_wrap(err, r, "cannot list trusted keys");
	}
	*ret = l.list;
	*ret_n = l.n;
	return 0;
}

void keystore_entries_free(struct keystore_entry *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(list[i].fingerprint);
		free(list[i].path);
		free(list[i].prefix);
	}
	free(list);
}
