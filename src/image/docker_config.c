#include "image/docker_config.h"

#include <string.h>

#include "base/base64.h"
#include "spec/registry.h"

char *docker_config_path(void)
{
	const char *dir = getenv("DOCKER_CONFIG"), *home = getenv("HOME");

	if (dir && *dir)
		return xasprintf("%s/config.json", dir);
	return home && *home == '/' ? xasprintf("%s/.docker/config.json", home) : NULL;
}

/* "https://index.docker.io/v1/", "quay.io", "host:5000": the host, as names of images have it. */
static char *host_of(const char *key)
{
	const char *scheme = strstr(key, "://"), *start = scheme ? scheme + 3 : key, *path = strchr(start, '/');
	AUTO(free) char *host = xstrndup(start, path ? (size_t)(path - start) : strlen(start));

	/* Behind the host there may be the version of the API; a repository there is another program's idea. */
	if (path && !str_eq(path, "/") && !str_eq(path, "/v1") && !str_eq(path, "/v1/") && !str_eq(path, "/v2") &&
	    !str_eq(path, "/v2/"))
		return NULL;
	return registry_host(host);
}

/* The member for the host: the one that is just called so, or the first that means it. */
static const struct json_value *find_host(const struct json_value *dict, const char *host)
{
	const struct json_value *found = json_get(dict, host);

	if (!dict || dict->kind != JSON_DICT)
		return NULL;
	for (const struct json_value *v = dict->child; v && !found; v = v->next) {
		AUTO(free) char *name = host_of(v->key);

		if (str_eq(name, host))
			found = v;
	}
	return found;
}

/* "user:password" in base64. What is no such thing is no credential. */
static char *basic(const char *encoded)
{
	AUTO(buf_clear) struct buf both = {};

	if (base64_decode(encoded, strlen(encoded), &both) < 0 || !both.len || memchr(both.data, 0, both.len) ||
	    !strchr(both.data, ':'))
		return NULL;
	return xasprintf("Basic %s", encoded);
}

/* Docker fills in "auth" alone, other programs may have written the two parts. */
static char *basic_of_parts(const char *user, const char *password)
{
	AUTO(free) char *both = user && password && *user ? xasprintf("%s:%s", user, password) : NULL;
	AUTO(free) char *encoded = both ? base64_encode(both, strlen(both)) : NULL;

	return encoded ? xasprintf("Basic %s", encoded) : NULL;
}

static const char *filled(const struct json_value *entry, const char *key)
{
	const char *text = json_get_text(entry, key);

	return text && *text ? text : NULL;
}

/* true: there is something in it. */
static bool read_entry(const struct json_value *entry, struct wire_credential *ret)
{
	const char *identity = filled(entry, "identitytoken"), *bearer = filled(entry, "registrytoken");
	const char *auth = filled(entry, "auth");

	if (identity)
		ret->identity_token = xstrdup(identity);
	else if (bearer)
		ret->authorization = xasprintf("Bearer %s", bearer);
	else if (auth)
		ret->authorization = basic(auth);
	else
		ret->authorization = basic_of_parts(filled(entry, "username"), filled(entry, "password"));
	return ret->identity_token || ret->authorization;
}

int docker_config_find(const char *text, size_t len, const char *host, struct wire_credential *ret, char **ret_helper,
		       struct err *err)
{
	AUTO(json_free) struct json *json = NULL;
	const struct json_value *root, *helper;
	const char *program = NULL;
	int r = json_parse(text, len, &json, err);

	if (r < 0)
		return r;
	root = json_root(json);
	if (root->kind != JSON_DICT)
		return err_set(err, -ERR_BAD_INPUT, "not an object");
	if (read_entry(find_host(json_get(root, "auths"), host), ret))
		return 1;
	helper = find_host(json_get(root, "credHelpers"), host);
	if (helper && helper->kind == JSON_TEXT)
		program = helper->text;
	else
		program = filled(root, "credsStore");
	*ret_helper = program ? xasprintf("docker-credential-%s", program) : NULL;
	return 0;
}
