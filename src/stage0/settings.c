#include "stage0/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/log.h"

enum { CONFIG_MAX_BYTES = 1 << 20 };

static bool empty(const char *s) { return !s || !*s; }

/* The whole configuration as a table, for freeing it. */
#define AT(member) offsetof(struct config_auth, member)
static const struct json_field config_auth_fields[] = {
	{ "domain", JSON_STRING, AT(domain), 0 },
	{ "type", JSON_STRING, AT(type), 0 },
	{ "user", JSON_STRING, AT(user), 0 },
	{ "password", JSON_STRING, AT(password), 0 },
	{ "token", JSON_STRING, AT(token), 0 },
	{ "accessKeyID", JSON_STRING, AT(access_key_id), 0 },
	{ "secretAccessKey", JSON_STRING, AT(secret_access_key), 0 },
	{ "awsRegion", JSON_STRING, AT(region), 0 },
	{}
};
#undef AT
static const struct json_field config_docker_fields[] = {
	{ "registry", JSON_STRING, offsetof(struct config_docker_auth, registry), 0 },
	{ "user", JSON_STRING, offsetof(struct config_docker_auth, user), 0 },
	{ "password", JSON_STRING, offsetof(struct config_docker_auth, password), 0 },
	{}
};
static const struct json_field config_registry_fields[] = {
	{ "registry", JSON_STRING, offsetof(struct config_registry, registry), 0 },
	{ "mirrors", JSON_STRV, offsetof(struct config_registry, mirrors), 0 },
	{}
};
#define AT(member) offsetof(struct config, member)
static const struct json_field config_fields[] = {
	{ "auth", JSON_LIST, AT(auth), 0, config_auth_fields, sizeof(struct config_auth) },
	{ "dockerAuth", JSON_LIST, AT(docker_auth), 0, config_docker_fields, sizeof(struct config_docker_auth) },
	{ "registries", JSON_LIST, AT(registries), 0, config_registry_fields, sizeof(struct config_registry) },
	{ "unread", JSON_STRV, AT(unread), 0 },
	{ "data", JSON_STRING, AT(data_dir), 0 },
	{ "stage1-images", JSON_STRING, AT(stage1_images_dir), 0 },
	{ "name", JSON_STRING, AT(stage1_name), 0 },
	{ "version", JSON_STRING, AT(stage1_version), 0 },
	{ "location", JSON_STRING, AT(stage1_location), 0 },
	{}
};
#undef AT

void config_clear(struct config *c)
{
	json_clear(config_fields, c);
	c->limits = (struct limits){};
}

/* --- lists --- */

/* As in the struct: a pointer to the first item, and how many there are. The key is the first member of each. */
struct list { char *items; size_t n; };

static const struct { size_t at, size; const struct json_field *fields; } lists[] = {
	[CONFIG_AUTH] = { offsetof(struct config, auth), sizeof(struct config_auth), config_auth_fields },
	[CONFIG_DOCKER_AUTH] = { offsetof(struct config, docker_auth), sizeof(struct config_docker_auth),
				 config_docker_fields },
	[CONFIG_REGISTRIES] = { offsetof(struct config, registries), sizeof(struct config_registry),
				config_registry_fields },
};

static struct list *list_at(const struct config *c, enum config_list list)
{
	return (struct list *)((uintptr_t)c + lists[list].at);
}

void *config_find(const struct config *c, enum config_list list, const char *key)
{
	const struct list *l = list_at(c, list);

	for (size_t i = 0; i < l->n; i++) {
		char *item = l->items + i * lists[list].size;

		if (str_eq(*(char **)item, key))
			return item;
	}
	return NULL;
}

void *config_add(struct config *c, enum config_list list, const char *key)
{
	struct list *l = list_at(c, list);
	char *item;

	l->items = xreallocarray(l->items, l->n + 1, lists[list].size);
	item = l->items + l->n++ * lists[list].size;
	memset(item, 0, lists[list].size);
	*(char **)item = xstrdup(key);
	return item;
}

/* Takes over what upper has. */
static void override_list(struct config *c, struct config *upper, enum config_list list)
{
	struct list *l = list_at(upper, list);

	for (size_t i = 0; i < l->n; i++) {
		char *item = l->items + i * lists[list].size;
		char *old = config_find(c, list, *(char **)item) ?: config_add(c, list, NULL);

		json_clear(lists[list].fields, old);
		memcpy(old, item, lists[list].size);
		memset(item, 0, lists[list].size);
	}
}

static void override_text(char **at, char **upper)
{
	if (!*upper)
		return;
	free(*at);
	*at = TAKE(*upper);
}

void config_override(struct config *c, struct config *upper)
{
	for (enum config_list list = 0; list < CONFIG_LISTS; list++)
		override_list(c, upper, list);
	for (char **path = upper->unread; path && *path; path++)
		strv_add(&c->unread, *path);
	override_text(&c->data_dir, &upper->data_dir);
	override_text(&c->stage1_images_dir, &upper->stage1_images_dir);
	override_text(&c->stage1_name, &upper->stage1_name);
	override_text(&c->stage1_version, &upper->stage1_version);
	override_text(&c->stage1_location, &upper->stage1_location);
	limits_override(&c->limits, &upper->limits);
	config_clear(upper);
}

/* --- directories --- */

static bool group_is_admin(gid_t gid)
{
	struct group *group;

	if (!gid)
		return true;
	group = getgrnam("rkt-admin");
	return group && group->gr_gid == gid;
}

/*
 * Root does as these files say (where images and stage1 come from, which
 * password goes where), so nobody but root and the group rkt-admin may be able
 * to write them. Of a user's own rkt only the user himself is misled.
 */
static int owner_check(int fd, const char *path, struct err *err)
{
	struct stat st;

	if (geteuid())
		return 0;
	if (fstat(fd, &st) < 0)
		return err_sys(err, -errno, "cannot look at \"%s\"", path);
	if (st.st_uid)
		return err_set(err, -EPERM, "refusing configuration in \"%s\": it belongs to user %u, not to root",
			       path, (unsigned)st.st_uid);
	if (st.st_mode & S_IWOTH)
		return err_set(err, -EPERM, "refusing configuration in \"%s\": everybody may write it", path);
	if (st.st_mode & S_IWGRP && !group_is_admin(st.st_gid))
		return err_set(err, -EPERM, "refusing configuration in \"%s\": group %u may write it", path,
			       (unsigned)st.st_gid);
	return 0;
}

/*
 * Credentials are for those who may read them. Others do without, as anybody who has none; of other files they would
 * do something else than what is configured.
 */
static bool pass_over(const char *dir_name, int r, const char *path, struct config *level)
{
	if (r != -EACCES || !geteuid() || !str_eq(dir_name, "auth.d"))
		return false;
	log_debug("passing over \"%s\": user %u may not read it", path, (unsigned)geteuid());
	strv_add(&level->unread, path);
	return true;
}

static int read_file(int dir_fd, const char *dir_name, const char *name, const char *path, struct config *level,
		     struct err *err)
{
	AUTO(free) char *text = NULL;
	AUTO(close) int fd = -1;
	struct stat st;
	size_t len;
	int r;

	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(err, -errno, "cannot look at \"%s\"", path);
	if (!S_ISREG(st.st_mode)) {
		log_debug("passing over \"%s\": not a regular file", path);
		return 0;
	}
	fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		r = -errno;
		return pass_over(dir_name, r, path, level) ? 0 : err_sys(err, r, "cannot open \"%s\"", path);
	}
	r = owner_check(fd, path, err);
	if (r < 0)
		return r;
	r = fd_read_file(fd, CONFIG_MAX_BYTES, &text, &len);
	if (r < 0)
		return err_sys(err, r, "cannot read \"%s\"", path);
	if (str_eq(dir_name, "auth.d") && st.st_mode & S_IROTH)
		log_warn("everybody may read the credentials in \"%s\"", path);
	return config_read_text(dir_name, path, text, len, level, err);
}

static int compare(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/* The names ending in ".json", sorted: which file is told of as the second one must not depend on luck. */
static int list_names(int dir_fd, char ***ret)
{
	AUTO(closedir) DIR *dir = NULL;
	AUTO(close) int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *entry;

	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir)
		return -errno;
	TAKE_FD(fd);
	while (errno = 0, (entry = readdir(dir)))
		if (str_ends(entry->d_name, ".json"))
			strv_add(ret, entry->d_name);
	if (errno)
		return -errno;
	if (*ret)
		qsort(*ret, strv_len(*ret), sizeof(**ret), compare);
	return 0;
}

/* Opens a configuration directory. 1: there is none. */
static int open_dir(int at_fd, const char *name, int flags, const char *path, int *ret_fd, struct err *err)
{
	AUTO(close) int fd = openat(at_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags);
	int r;

	if (fd < 0 && errno == ENOENT)
		return 1;
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
		return err_set(err, -ENOTDIR, "expected \"%s\" to be a directory", path);
	if (fd < 0)
		return err_sys(err, -errno, "cannot open \"%s\"", path);
	r = owner_check(fd, path, err);
	if (r < 0)
		return r;
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static int read_dir(int base_fd, const char *base, const char *dir_name, struct config *level, struct err *err)
{
	AUTO(free) char *dir_path = xasprintf("%s/%s", base, dir_name);
	AUTO(strv_free) char **names = NULL;
	AUTO(close) int fd = -1;
	int r;

	r = open_dir(base_fd, dir_name, O_NOFOLLOW, dir_path, &fd, err);
	if (pass_over(dir_name, r, dir_path, level)) {
		err_clear(err);
		return 0;
	}
	if (r)
		return r < 0 ? r : 0;
	r = list_names(fd, &names);
	if (r < 0)
		return err_sys(err, r, "cannot list \"%s\"", dir_path);
	for (char **name = names; name && *name; name++) {
		AUTO(free) char *path = xasprintf("%s/%s", dir_path, *name);

		r = read_file(fd, dir_name, *name, path, level, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_level(const char *base, struct config *level, struct err *err)
{
	static const char *const dir_names[] = { "auth.d", "limits.d", "paths.d", "registries.d", "stage1.d" };
	AUTO(close) int fd = -1;
	int r;

	if (empty(base))
		return 0;
	r = open_dir(AT_FDCWD, base, 0, base, &fd, err);
	if (r)
		return r < 0 ? r : 0;
	for (size_t i = 0; i < ARRAY_LEN(dir_names); i++) {
		r = read_dir(fd, base, dir_names[i], level, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int config_load(const char *system_dir, const char *local_dir, const char *user_dir, struct config *ret,
		struct err *err)
{
	const char *const levels[] = { system_dir, local_dir, user_dir };
	AUTO(config_clear) struct config c = {};

	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		AUTO(config_clear) struct config level = {};
		int r = read_level(levels[i], &level, err);

		if (r < 0)
			return r;
		config_override(&c, &level);
	}
	*ret = c;
	c = (struct config){};
	return 0;
}
