#include "image/credentials.h"

#include <string.h>

#include "base/base64.h"

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
		return err_set(err, -ERR_BAD_INPUT, "the credentials for domain '%s' contain a control byte", c->domain);
	return 0;
}

static bool needs_network(const struct wire_request *request)
{
	if (str_eq(request->action, "file"))
		return false;
	for (size_t i = 0; i < request->n_locations; i++)
		if (!request->locations[i].file)
			return true;
	return !request->n_locations;
}

int credentials_add(const struct fetch_config *config, struct wire_request *request, struct err *err)
{
	int r = 0;

	if (!config->n_credentials || !needs_network(request))
		return 0;
	request->credentials = xcalloc(config->n_credentials, sizeof(*request->credentials));
	request->n_credentials = config->n_credentials;
	for (size_t i = 0; r >= 0 && i < config->n_credentials; i++)
		r = make(&config->credentials[i], &request->credentials[i], err);
	return r;
}
