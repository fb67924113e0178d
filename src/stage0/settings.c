#include "stage0/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/log.h"

enum { CONFIG_MAX_BYTES = 1 << 20 };

/* --- one file --- */

struct credentials {
	char *user, *password, *token, *access_key_id, *secret_access_key, *region;
};

struct auth_file {
	char **domains;
	char *type;
	struct credentials *credentials;
};

struct docker_file {
	char **registries;
	struct credentials *credentials;
};

struct paths_file {
	char *data, *stage1_images;
};

struct stage1_file {
	char *name, *version, *location;
};

#define AT(member) offsetof(struct credentials, member)
static const struct json_field credentials_fields[] = {
	{ "user", JSON_STRING, AT(user), 0 },
	{ "password", JSON_STRING, AT(password), 0 },
	{ "token", JSON_STRING, AT(token), 0 },
	{ "accessKeyID", JSON_STRING, AT(access_key_id), 0 },
	{ "secretAccessKey", JSON_STRING, AT(secret_access_key), 0 },
	{ "awsRegion", JSON_STRING, AT(region), 0 },
	{}
};
#undef AT

static const struct json_field auth_file_fields[] = {
	{ "domains", JSON_STRV, offsetof(struct auth_file, domains), 0 },
	{ "type", JSON_STRING, offsetof(struct auth_file, type), 0 },
	{ "credentials", JSON_PTR, offsetof(struct auth_file, credentials), 0, credentials_fields,
	  sizeof(struct credentials) },
	{}
};
static const struct json_field docker_file_fields[] = {
	{ "registries", JSON_STRV, offsetof(struct docker_file, registries), 0 },
	{ "credentials", JSON_PTR, offsetof(struct docker_file, credentials), 0, credentials_fields,
	  sizeof(struct credentials) },
	{}
};
static const struct json_field paths_file_fields[] = {
	{ "data", JSON_STRING, offsetof(struct paths_file, data), 0 },
	{ "stage1-images", JSON_STRING, offsetof(struct paths_file, stage1_images), 0 },
	{}
};
static const struct json_field stage1_file_fields[] = {
	{ "name", JSON_STRING, offsetof(struct stage1_file, name), 0 },
	{ "version", JSON_STRING, offsetof(struct stage1_file, version), 0 },
	{ "location", JSON_STRING, offsetof(struct stage1_file, location), 0 },
	{}
};

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
#define AT(member) offsetof(struct config, member)
static const struct json_field config_fields[] = {
	{ "auth", JSON_LIST, AT(auth), 0, config_auth_fields, sizeof(struct config_auth) },
	{ "dockerAuth", JSON_LIST, AT(docker_auth), 0, config_docker_fields, sizeof(struct config_docker_auth) },
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

static bool empty(const char *s) { return !s || !*s; }

static struct config_auth *find_auth(const struct config *c, const char *domain)
{
	for (size_t i = 0; i < c->n_auth; i++)
		if (str_eq(c->auth[i].domain, domain))
			return &c->auth[i];
	return NULL;
}

static struct config_docker_auth *find_docker_auth(const struct config *c, const char *registry)
{
	for (size_t i = 0; i < c->n_docker_auth; i++)
		if (str_eq(c->docker_auth[i].registry, registry))
			return &c->docker_auth[i];
	return NULL;
}

static struct config_auth *add_auth(struct config *c)
{
	c->auth = xreallocarray(c->auth, c->n_auth + 1, sizeof(*c->auth));
	c->auth[c->n_auth] = (struct config_auth){};
	return &c->auth[c->n_auth++];
}

static struct config_docker_auth *add_docker_auth(struct config *c)
{
	c->docker_auth = xreallocarray(c->docker_auth, c->n_docker_auth + 1, sizeof(*c->docker_auth));
	c->docker_auth[c->n_docker_auth] = (struct config_docker_auth){};
	return &c->docker_auth[c->n_docker_auth++];
}

/* What each type of credentials cannot do without, in the order rkt asks for it. */
static const struct auth_need {
	const char *type;
	size_t at;
	const char *message;
} auth_needs[] = {
	{ "basic", offsetof(struct credentials, user), "user not specified" },
	{ "basic", offsetof(struct credentials, password), "password not specified" },
	{ "oauth", offsetof(struct credentials, token), "no oauth bearer token specified" },
	{ "aws", offsetof(struct credentials, access_key_id), "no AWS Access Key ID specified" },
	{ "aws", offsetof(struct credentials, secret_access_key), "no AWS Secret Access Key specified" },
};

static int credentials_check(const char *type, const struct credentials *credentials, struct err *err)
{
	bool known = false;

	for (size_t i = 0; i < ARRAY_LEN(auth_needs); i++)
		known |= str_eq(auth_needs[i].type, type);
	if (!known)
		return err_set(err, -ERR_BAD_INPUT, "unknown auth type: \"%s\"", type);
	if (!credentials)
		return err_set(err, -ERR_BAD_INPUT, "no credentials");
	for (size_t i = 0; i < ARRAY_LEN(auth_needs); i++) {
		const struct auth_need *need = &auth_needs[i];

		if (str_eq(need->type, type) && empty(*(char *const *)((const char *)credentials + need->at)))
			return err_set(err, -ERR_BAD_INPUT, "%s", need->message);
	}
	return 0;
}

static int apply_auth(const void *file, struct config *level, struct err *err)
{
	const struct auth_file *f = file;
	int r;

	if (!strv_len(f->domains))
		return err_set(err, -ERR_BAD_INPUT, "no domains specified");
	if (empty(f->type))
		return err_set(err, -ERR_BAD_INPUT, "no auth type specified");
	r = credentials_check(f->type, f->credentials, err);
	if (r < 0)
		return r;
	for (char **domain = f->domains; *domain; domain++) {
		struct config_auth *auth;

		if (find_auth(level, *domain))
			return err_set(err, -ERR_BAD_INPUT, "auth for domain \"%s\" is already specified", *domain);
		auth = add_auth(level);
		*auth = (struct config_auth){
			.domain = xstrdup(*domain),
			.type = xstrdup(f->type),
			.user = xstrdup(f->credentials->user),
			.password = xstrdup(f->credentials->password),
			.token = xstrdup(f->credentials->token),
			.access_key_id = xstrdup(f->credentials->access_key_id),
			.secret_access_key = xstrdup(f->credentials->secret_access_key),
			.region = xstrdup(f->credentials->region),
		};
	}
	return 0;
}

static int apply_docker_auth(const void *file, struct config *level, struct err *err)
{
	const struct docker_file *f = file;
	int r;

	if (!strv_len(f->registries))
		return err_set(err, -ERR_BAD_INPUT, "no registries specified");
	r = credentials_check("basic", f->credentials, err);
	if (r < 0)
		return r;
	for (char **registry = f->registries; *registry; registry++) {
		struct config_docker_auth *auth;

		if (find_docker_auth(level, *registry))
			return err_set(err, -ERR_BAD_INPUT,
				       "credentials for docker registry \"%s\" are already specified", *registry);
		auth = add_docker_auth(level);
		*auth = (struct config_docker_auth){
			.registry = xstrdup(*registry),
			.user = xstrdup(f->credentials->user),
			.password = xstrdup(f->credentials->password),
		};
	}
	return 0;
}

static int apply_path(const char *value, const char *what, char **at, struct err *err)
{
	if (empty(value))
		return 0;
	if (*at)
		return err_set(err, -ERR_BAD_INPUT, "%s directory is already specified", what);
	if (*value != '/')
		return err_set(err, -ERR_BAD_INPUT, "%s directory must be an absolute path", what);
	*at = xstrdup(value);
	return 0;
}

static int apply_paths(const void *file, struct config *level, struct err *err)
{
	const struct paths_file *f = file;
	int r;

	r = apply_path(f->data, "data", &level->data_dir, err);
	if (r < 0)
		return r;
	return apply_path(f->stage1_images, "stage1 images", &level->stage1_images_dir, err);
}

/* RFC 3986: ALPHA *( ALPHA / DIGIT / "+" / "-" / "." ) before the ":". NULL: there is none. */
static char *url_scheme(const char *url)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	size_t len = strspn(url, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-.");

	if (!len || url[len] != ':' || !strchr(letters, *url))
		return NULL;
	return xstrndup(url, len);
}

static int location_check(const char *location, struct err *err)
{
	static const char *const allowed[] = { "docker", "file", "http", "https" };
	AUTO(free) char *scheme = NULL;

	if (*location == '/')
		return 0;
	for (const char *p = location; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			return err_set(err, -ERR_BAD_INPUT,
				       "default stage1 image location is an invalid URL: it contains a space or control byte");
	if (*location == ':')
		return err_set(err, -ERR_BAD_INPUT,
			       "default stage1 image location is an invalid URL: missing protocol scheme");
	scheme = url_scheme(location);
	if (!scheme)
		return err_set(err, -ERR_BAD_INPUT,
			       "default stage1 image location is either a relative path or a URL without scheme");
	for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
		if (!strcasecmp(allowed[i], scheme))
			return 0;
	return err_set(err, -ERR_BAD_INPUT,
		       "default stage1 image location URL has invalid scheme \"%s\", allowed schemes are "
		       "[\"docker\" \"file\" \"http\" \"https\"]", scheme);
}

static int stage1_check(const struct stage1_file *f, struct err *err)
{
	if (empty(f->name) && !empty(f->version))
		return err_set(err, -ERR_BAD_INPUT,
			       "default stage1 image version specified, but name is missing");
	if (!empty(f->name) && empty(f->version))
		return err_set(err, -ERR_BAD_INPUT,
			       "default stage1 image name specified, but version is missing");
	return empty(f->location) ? 0 : location_check(f->location, err);
}

static int apply_stage1(const void *file, struct config *level, struct err *err)
{
	const struct stage1_file *f = file;
	int r;

	r = stage1_check(f, err);
	if (r < 0)
		return err_wrap(err, r, "invalid stage1 configuration");
	if (!empty(f->name)) {
		if (level->stage1_name)
			return err_set(err, -ERR_BAD_INPUT,
				       "name and version of a default stage1 image are already specified");
		level->stage1_name = xstrdup(f->name);
		level->stage1_version = xstrdup(f->version);
	}
	if (!empty(f->location)) {
		if (level->stage1_location)
			return err_set(err, -ERR_BAD_INPUT,
				       "location of a default stage1 image is already specified");
		level->stage1_location = xstrdup(f->location);
	}
	return 0;
}

static int read_limits(const struct json_value *file, struct config *level, struct err *err)
{
	return limits_read(file, &level->limits, err);
}

/* What may lie in which directory. A version that is not here has no parser. */
static const struct config_kind {
	const char *dir_name, *kind, *version;
	const struct json_field *fields;
	int (*apply)(const void *file, struct config *level, struct err *err);
	int (*read)(const struct json_value *file, struct config *level, struct err *err);	/* in place of both */
} config_kinds[] = {
	{ "auth.d", "auth", "v1", auth_file_fields, apply_auth },
	{ "auth.d", "dockerAuth", "v1", docker_file_fields, apply_docker_auth },
	{ "limits.d", "limits", "v1", .read = read_limits },
	{ "paths.d", "paths", "v1", paths_file_fields, apply_paths },
	{ "stage1.d", "stage1", "v1", stage1_file_fields, apply_stage1 },
};

/* ["auth" "dockerAuth"] */
static char *kinds_text(const char *dir_name)
{
	AUTO(strv_free) char **kinds = NULL;
	AUTO(free) char *joined = NULL;

	for (size_t i = 0; i < ARRAY_LEN(config_kinds); i++)
		if (str_eq(config_kinds[i].dir_name, dir_name))
			strv_take(&kinds, xasprintf("\"%s\"", config_kinds[i].kind));
	joined = strv_join(kinds, " ");
	return xasprintf("[%s]", joined);
}

static int find_kind(const char *dir_name, const char *path, const char *kind, const char *version,
		     const struct config_kind **ret, struct err *err)
{
	bool right_place = false;

	for (size_t i = 0; i < ARRAY_LEN(config_kinds); i++) {
		const struct config_kind *k = &config_kinds[i];

		if (!str_eq(k->dir_name, dir_name) || !str_eq(k->kind, kind))
			continue;
		right_place = true;
		if (str_eq(k->version, version)) {
			*ret = k;
			return 0;
		}
	}
	if (!right_place) {
		AUTO(free) char *dir = xstrndup(path, (size_t)(strrchr(path, '/') ? strrchr(path, '/') - path : 0));
		AUTO(free) char *kinds = kinds_text(dir_name);

		return err_set(err, -ERR_BAD_INPUT,
			       "the configuration directory \"%s\" expects to have configuration files of kinds %s, "
			       "but \"%s\" has kind of \"%s\"", dir, kinds, path, kind);
	}
	return err_set(err, -ERR_BAD_INPUT,
		       "no parser available for configuration of kind \"%s\" and version \"%s\"", kind, version);
}

int config_read_text(const char *dir_name, const char *path, const char *text, size_t len, struct config *level,
		     struct err *err)
{
	union {
		struct auth_file auth;
		struct docker_file docker;
		struct paths_file paths;
		struct stage1_file stage1;
	} file = {};
	AUTO(json_free) struct json *json = NULL;
	const struct config_kind *kind = NULL;
	const char *kind_name, *version;
	int r;

	r = json_parse(text, len, &json, err);
	if (r < 0)
		return err_wrap(err, r, "failed to parse \"%s\"", path);
	kind_name = json_get_text(json_root(json), "rktKind");
	version = json_get_text(json_root(json), "rktVersion");
	if (empty(kind_name))
		return err_set(err, -ERR_BAD_INPUT, "no rktKind specified in \"%s\"", path);
	if (empty(version))
		return err_set(err, -ERR_BAD_INPUT, "no rktVersion specified in \"%s\"", path);
	r = find_kind(dir_name, path, kind_name, version, &kind, err);
	if (r < 0)
		return r;
	if (kind->read) {
		r = kind->read(json_root(json), level, err);
	} else {
		r = json_decode(json_root(json), kind->fields, &file, err);
		if (r >= 0)
			r = kind->apply(&file, level, err);
		json_clear(kind->fields, &file);
	}
	return r < 0 ? err_wrap(err, r, "failed to parse \"%s\"", path) : 0;
}

/* --- overriding --- */

static void override_text(char **at, char **upper)
{
	if (!*upper)
		return;
	free(*at);
	*at = TAKE(*upper);
}

void config_override(struct config *c, struct config *upper)
{
	for (size_t i = 0; i < upper->n_auth; i++) {
		struct config_auth *old = find_auth(c, upper->auth[i].domain);

		if (old)
			json_clear(config_auth_fields, old);
		else
			old = add_auth(c);
		*old = upper->auth[i];
		upper->auth[i] = (struct config_auth){};
	}
	for (size_t i = 0; i < upper->n_docker_auth; i++) {
		struct config_docker_auth *old = find_docker_auth(c, upper->docker_auth[i].registry);

		if (old)
			json_clear(config_docker_fields, old);
		else
			old = add_docker_auth(c);
		*old = upper->docker_auth[i];
		upper->docker_auth[i] = (struct config_docker_auth){};
	}
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
	if (fd < 0)
		return err_sys(err, -errno, "cannot open \"%s\"", path);
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
	static const char *const dir_names[] = { "auth.d", "limits.d", "paths.d", "stage1.d" };
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

/* --- showing it --- */

static void open_entry(struct json_writer *w, const char *kind)
{
	json_open_object(w, NULL);
	json_write_text(w, "rktVersion", "v1");
	json_write_text(w, "rktKind", kind);
}

static void write_list_of_one(struct json_writer *w, const char *key, const char *value)
{
	json_open_array(w, key);
	json_write_text(w, NULL, value);
	json_close(w);
}

static void write_present(struct json_writer *w, const char *key, const char *value)
{
	if (value)
		json_write_text(w, key, value);
}

static void write_auth(struct json_writer *w, const struct config_auth *auth)
{
	open_entry(w, "auth");
	write_list_of_one(w, "domains", auth->domain);
	json_write_text(w, "type", auth->type);
	json_open_object(w, "credentials");
	write_present(w, "user", auth->user);
	write_present(w, "password", auth->password);
	write_present(w, "token", auth->token);
	write_present(w, "accessKeyID", auth->access_key_id);
	write_present(w, "secretAccessKey", auth->secret_access_key);
	write_present(w, "awsRegion", auth->region);
	json_close(w);
	json_close(w);
}

static void write_docker_auth(struct json_writer *w, const struct config_docker_auth *auth)
{
	open_entry(w, "dockerAuth");
	write_list_of_one(w, "registries", auth->registry);
	json_open_object(w, "credentials");
	json_write_text(w, "user", auth->user);
	json_write_text(w, "password", auth->password);
	json_close(w);
	json_close(w);
}

static void write_limits(struct json_writer *w, const struct limits *l)
{
	if (limits_none(l))
		return;
	open_entry(w, "limits");
	limits_write(w, l);
	json_close(w);
}

void config_write(struct json_writer *w, const struct config *c)
{
	json_open_array(w, "stage0");
	for (size_t i = 0; i < c->n_auth; i++)
		write_auth(w, &c->auth[i]);
	for (size_t i = 0; i < c->n_docker_auth; i++)
		write_docker_auth(w, &c->docker_auth[i]);
	open_entry(w, "paths");
	json_write_text(w, "data", c->data_dir ?: "");
	json_write_text(w, "stage1-images", c->stage1_images_dir ?: "");
	json_close(w);
	open_entry(w, "stage1");
	json_write_text(w, "name", c->stage1_name ?: "");
	json_write_text(w, "version", c->stage1_version ?: "");
	json_write_text(w, "location", c->stage1_location ?: "");
	json_close(w);
	write_limits(w, &c->limits);
	json_close(w);
}
