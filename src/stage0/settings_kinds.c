#include "stage0/settings.h"

#include <string.h>

#include "spec/registry.h"

static bool empty(const char *s) { return !s || !*s; }

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

struct registry_file {
	char **registries, **mirrors;
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
static const struct json_field registry_file_fields[] = {
	{ "registries", JSON_STRV, offsetof(struct registry_file, registries), 0 },
	{ "mirrors", JSON_STRV, offsetof(struct registry_file, mirrors), 0 },
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

		if (config_find(level, CONFIG_AUTH, *domain))
			return err_set(err, -ERR_BAD_INPUT, "auth for domain \"%s\" is already specified", *domain);
		auth = config_add(level, CONFIG_AUTH, *domain);
		auth->type = xstrdup(f->type);
		auth->user = xstrdup(f->credentials->user);
		auth->password = xstrdup(f->credentials->password);
		auth->token = xstrdup(f->credentials->token);
		auth->access_key_id = xstrdup(f->credentials->access_key_id);
		auth->secret_access_key = xstrdup(f->credentials->secret_access_key);
		auth->region = xstrdup(f->credentials->region);
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

		if (config_find(level, CONFIG_DOCKER_AUTH, *registry))
			return err_set(err, -ERR_BAD_INPUT,
				       "credentials for docker registry \"%s\" are already specified", *registry);
		auth = config_add(level, CONFIG_DOCKER_AUTH, *registry);
		auth->user = xstrdup(f->credentials->user);
		auth->password = xstrdup(f->credentials->password);
	}
	return 0;
}

/* "https://HOST[:PORT][/PREFIX]", or with http. */
static int mirror_check(const char *url, struct err *err)
{
	size_t scheme = str_starts(url, "https://") ? 8 : str_starts(url, "http://") ? 7 : 0;
	AUTO(free) char *host = xstrndup(url + scheme, strcspn(url + scheme, "/"));
	AUTO(free) char *known = registry_host(host);
	const char *prefix = url + scheme + strlen(host);

	if (scheme && known && !prefix[strspn(prefix, "abcdefghijklmnopqrstuvwxyz0123456789._-/")] &&
	    !strstr(prefix, "..") && !strstr(prefix, "//"))
		return 0;
	return err_set(err, -ERR_BAD_INPUT, "mirror \"%s\" is not of the form https://HOST[:PORT][/PREFIX]", url);
}

/* An empty list is one too: it takes away the mirrors of a lower configuration directory. */
static int apply_registry(const void *file, struct config *level, struct err *err)
{
	const struct registry_file *f = file;
	int r = 0;

	if (!strv_len(f->registries))
		return err_set(err, -ERR_BAD_INPUT, "no registries specified");
	if (!f->mirrors)
		return err_set(err, -ERR_BAD_INPUT, "no mirrors specified");
	for (char **mirror = f->mirrors; r >= 0 && *mirror; mirror++)
		r = mirror_check(*mirror, err);
	for (char **registry = f->registries; r >= 0 && *registry; registry++) {
		AUTO(free) char *host = registry_host(*registry);
		struct config_registry *added;

		if (!host)
			return err_set(err, -ERR_BAD_INPUT, "bad registry host \"%s\"", *registry);
		if (config_find(level, CONFIG_REGISTRIES, host))
			return err_set(err, -ERR_BAD_INPUT, "mirrors of registry \"%s\" are already specified", host);
		added = config_add(level, CONFIG_REGISTRIES, host);
		added->mirrors = strv_copy(f->mirrors);
	}
	return r;
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
	{ "registries.d", "registry", "v1", registry_file_fields, apply_registry },
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
		struct registry_file registry;
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
