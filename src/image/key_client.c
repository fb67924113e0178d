#include <unistd.h>

#include "base/log.h"
#include "image/client.h"
#include "image/helper.h"
#include "image/input.h"

void found_keys_free(struct found_key *keys, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(keys[i].location);
		free(keys[i].armor);
		free(keys[i].fingerprint);
		strv_free(keys[i].subkeys);
		strv_free(keys[i].identities);
	}
	free(keys);
}

static bool is_url(const char *s) { return strstr(s, "://") != NULL; }

static int check_location(const struct fetch_config *config, const char *location, struct err *err)
{
	if (!is_url(location) || str_starts(location, "https://"))
		return 0;
	if (!str_starts(location, "http://"))
		return err_set(err, -EINVAL, "only local files and http or https URLs supported");
	if (!(config->insecure & FETCH_PUBKEY_HTTP))
		return err_set(err, -EPROTO, "--insecure-allow-http required for http URLs");
	return 0;
}

struct key_files { int fds[WIRE_KEY_FILES_MAX]; size_t n; };

static void key_files_close(struct key_files *files)
{
	while (files->n)
		close(files->fds[--files->n]);
}
static inline void key_files_close_auto(struct key_files *files) { key_files_close(files); }

/* What the command line names, as locations of the request; files are opened here, with our rights. */
static int add_locations(const struct fetch_config *config, char *const *locations, struct wire_location *list,
			 struct key_files *files, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < strv_len(locations); i++) {
		r = check_location(config, locations[i], err);
		list[i].name = locations[i];
		list[i].file = !is_url(locations[i]);
		if (r < 0 || !list[i].file)
			continue;
		if (files->n == WIRE_KEY_FILES_MAX)
			return err_set(err, -E2BIG, "more than %d key files", WIRE_KEY_FILES_MAX);
		r = input_open(locations[i], &files->fds[files->n], err);
		files->n += r >= 0;
	}
	return r;
}

static void take_keys(struct wire_reply *reply, struct found_key **ret, size_t *ret_n)
{
	struct found_key *keys = xcalloc(reply->n_keys + 1, sizeof(*keys));

	for (size_t i = 0; i < reply->n_keys; i++) {
		struct wire_key *k = &reply->keys[i];

		keys[i] = (struct found_key){
			.location = TAKE(k->location), .armor = TAKE(k->armor),
			.fingerprint = TAKE(k->fingerprint), .subkeys = TAKE(k->subkeys),
			.identities = TAKE(k->identities),
		};
	}
	*ret = keys;
	*ret_n = reply->n_keys;
}

static void warn_about_keys(const struct fetch_config *config, bool remote)
{
	if (remote && (config->insecure & (FETCH_SKIP_TLS | FETCH_PUBKEY_HTTP)))
		log_warn("signing keys may be downloaded from an insecure connection");
	if (remote && (config->insecure & FETCH_SKIP_TLS))
		log_warn("TLS verification has been disabled");
}

int fetch_keys(const struct fetch_config *config, const char *prefix, char *const *locations,
	       struct found_key **ret, size_t *ret_n, struct err *err)
{
	size_t n = strv_len(locations);
	AUTO(free) struct wire_location *list = xcalloc(n + 1, sizeof(*list));
	AUTO(key_files_close) struct key_files files = {};
	AUTO(wire_reply_clear) struct wire_reply reply = {};
	AUTO(free) char *name = xstrdup(prefix);
	struct wire_request request = { .action = (char[]){ "keys" }, .name = name, .locations = list,
					.n_locations = n };
	struct helper_fds fds = HELPER_FDS_NONE;
	int r = add_locations(config, locations, list, &files, err);

	if (r < 0)
		return r;
	if (!n && !prefix)
		return err_set(err, -EINVAL, "empty prefix");
	warn_about_keys(config, files.n < n || !n);
	fds.keys = files.fds;
	fds.n_keys = files.n;
	r = helper_configure(config, &request, err);
	if (r >= 0)
		r = helper_ask(config, &request, &fds, &reply, err);
	wire_credentials_clear(&request);
	if (r < 0)
		return r;
	if (!str_eq(reply.kind, "keys") || (n && reply.n_keys != n))
		return err_set(err, -EBADMSG, "rkt-fetch gave another answer than was asked for");
	take_keys(&reply, ret, ret_n);
	return 0;
}
