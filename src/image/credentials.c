#include "image/credentials.h"

#include <string.h>

#include "base/base64.h"
#include "base/fd.h"
#include "base/log.h"
#include "image/docker_config.h"
#include "image/input.h"
#include "spec/registry.h"

enum { DOCKER_CONFIG_MAX = 1 << 20 };

static void make_basic(const struct fetch_credential *c, struct wire_credential *ret)
{
	AUTO(free) char *both = xasprintf("%s:%s", c->user, c->password);
	AUTO(free) char *encoded = base64_encode(both, strlen(both));

	ret->authorization = xasprintf("Basic %s", encoded);
}

static void make_oauth(const struct fetch_credential *c, struct wire_credential *ret)
{
	ret->authorization = xasprintf("Bearer %s", c->token);
}

/* Each request is signed by itself, so rkt-fetch needs the key. */
static void make_aws(const struct fetch_credential *c, struct wire_credential *ret)
{
	ret->aws_key_id = xstrdup(c->aws_key_id);
	ret->aws_secret = xstrdup(c->aws_secret);
	ret->aws_region = xstrdup(c->aws_region);
}

static const struct credential_kind {
	const char *type;
	void (*make)(const struct fetch_credential *c, struct wire_credential *ret);
} credential_kinds[] = {
	{ "basic", make_basic },
	{ "docker", make_basic },
	{ "oauth", make_oauth },
	{ "aws", make_aws },
};

/* A line break would begin a header line of its own. */
static bool fits_header(const char *text)
{
	for (const char *p = text ?: ""; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return false;
	return true;
}

static int make(const struct fetch_credential *c, struct wire_credential *ret, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(credential_kinds); i++)
		if (str_eq(credential_kinds[i].type, c->type))
			credential_kinds[i].make(c, ret);
	ret->domain = xstrdup(c->domain);
	if (!ret->authorization && !ret->aws_key_id)
		return err_set(err, -ERR_BAD_INPUT, "unknown type of credentials for domain '%s'", c->domain);
	if (!fits_header(ret->authorization) || !fits_header(ret->aws_key_id) || !fits_header(ret->aws_region))
		return err_set(err, -ERR_BAD_INPUT, "the credentials for domain '%s' contain a control byte",
			       c->domain);
	return 0;
}

static bool is_for_registries(const struct fetch_credential *c) { return str_eq(c->type, "docker"); }

/* --- of one registry ----------------------------------------------------------------- */

/* Room for one more. */
static struct wire_credential *append(struct wire_request *q)
{
	q->credentials = xreallocarray(q->credentials, q->n_credentials + 1, sizeof(*q->credentials));
	q->credentials[q->n_credentials] = (struct wire_credential){};
	return &q->credentials[q->n_credentials++];
}

static const struct fetch_credential *find_configured(const struct fetch_config *config, const char *host)
{
	AUTO(free) char *known = registry_host(host);

	for (size_t i = 0; i < config->n_credentials; i++)
		if (!is_for_registries(&config->credentials[i]) && str_eq(config->credentials[i].domain, host))
			return &config->credentials[i];
	for (size_t i = 0; i < config->n_credentials; i++) {
		AUTO(free) char *domain = registry_host(config->credentials[i].domain);

		if (is_for_registries(&config->credentials[i]) && known && str_eq(domain, known))
			return &config->credentials[i];
	}
	return NULL;
}

/* The file is none of ours: what is wrong with it is told, and does not keep an image from anybody. */
static char *read_docker_config(const char *path, size_t *ret_len)
{
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *words = NULL;
	AUTO(close) int fd = -1;
	char *text = NULL;
	int r = input_open(path, &fd, &err);

	if (r == -ENOENT)
		return NULL;
	if (r >= 0) {
		r = fd_read_file(fd, DOCKER_CONFIG_MAX, &text, ret_len);
		if (r < 0)
			err_sys(&err, r, "cannot read '%s'", path);
	}
	if (r >= 0)
		return text;
	words = err_text(&err);
	log_debug("image: credentials of docker are passed over: %s", words);
	return NULL;
}

static void add_from_docker(struct wire_request *request, const char *host)
{
	AUTO(free) char *path = docker_config_path();
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *helper = NULL;
	AUTO(free) char *known = registry_host(host);
	AUTO(free) char *words = NULL;
	struct wire_credential found = {};
	size_t len = 0;
	AUTO(free) char *text = path && known ? read_docker_config(path, &len) : NULL;
	int r = text ? docker_config_find(text, len, known, &found, &helper, &err) : 0;

	if (r > 0 && fits_header(found.authorization) && fits_header(found.identity_token)) {
		log_debug("image: credentials for '%s' are those of '%s'", host, path);
		found.domain = xstrdup(host);
		*append(request) = found;
		return;
	}
	free(found.authorization);
	free(found.identity_token);
	if (helper)
		log_debug("image: what credentials '%s' may have for '%s' is not asked, as rkt does not run it", helper,
			  host);
	if (r < 0) {
		words = err_text(&err);
		log_warn("'%s' is passed over: %s", path, words);
	}
}

/* "https://host[:port]/…", or a host alone. */
static char *host_part(const char *url)
{
	const char *scheme = strstr(url, "://"), *start = scheme ? scheme + 3 : url;

	return xstrndup(start, strcspn(start, "/"));
}

static int add_for_host(const struct fetch_config *config, struct wire_request *request, const char *url,
			struct err *err)
{
	AUTO(free) char *host = host_part(url);
	const struct fetch_credential *configured = find_configured(config, host);
	struct wire_credential *c;
	int r;

	for (size_t i = 0; i < request->n_credentials; i++)
		if (str_eq(request->credentials[i].domain, host))
			return 0;
	if (!configured) {
		add_from_docker(request, host);
		return 0;
	}
	if (str_eq(configured->type, "aws"))
		return err_set(err, -ERR_BAD_INPUT, "the credentials for '%s' are of type \"aws\", which is not for "
			       "registries", host);
	c = append(request);
	r = make(configured, c, err);
	free(c->domain);
	c->domain = xstrdup(host);
	return r;
}

static int add_for_registry(const struct fetch_config *config, struct wire_request *request, struct err *err)
{
	int r = add_for_host(config, request, request->oci.registry, err);

	for (char **mirror = request->oci.mirrors; r >= 0 && mirror && *mirror; mirror++)
		r = add_for_host(config, request, *mirror, err);
	return r;
}

void mirrors_add(const struct fetch_config *config, struct wire_request *request)
{
	for (size_t i = 0; request->oci.registry && i < config->n_registries; i++)
		if (str_eq(config->registries[i].host, request->oci.registry)) {
			strv_free(request->oci.mirrors);
			request->oci.mirrors = strv_copy(config->registries[i].mirrors);
		}
}

/* --- of all domains -------------------------------------------------------------------- */

static bool needs_network(const struct wire_request *request)
{
	static const char *const without[] = { "file", "layout", "archive" };

	for (size_t i = 0; i < ARRAY_LEN(without); i++)
		if (str_eq(request->action, without[i]))
			return false;
	for (size_t i = 0; i < request->n_locations; i++)
		if (!request->locations[i].file)
			return true;
	return !request->n_locations;
}

int credentials_add(const struct fetch_config *config, struct wire_request *request, struct err *err)
{
	int r = 0;

	if (str_eq(request->action, "registry"))
		return add_for_registry(config, request, err);
	if (!needs_network(request))
		return 0;
	for (size_t i = 0; r >= 0 && i < config->n_credentials; i++)
		if (!is_for_registries(&config->credentials[i]))
			r = make(&config->credentials[i], append(request), err);
	return r;
}
