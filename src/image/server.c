#include "image/server.h"

#include "base/fd.h"
#include "image/aci_server.h"
#include "image/cosign.h"
#include "image/oci_server.h"
#include "image/search.h"
#include "image/kind.h"
#include "image/signature.h"
#include "os/confine.h"
#include "spec/limits.h"

enum {
	OTHER_MEMORY = 256 << 20,	/* stacks of threads, TLS, documents */
	FILE_MARGIN = 64 << 20,		/* more than is ever written at once */
};

#ifdef __SANITIZE_ADDRESS__
enum { SANITIZED = true };	/* it maps terabytes */
#else
enum { SANITIZED = false };
#endif

/* --- keys ------------------------------------------------------------------ */

static int get_key_bytes(struct session *s, const struct wire_location *at, int *next_fd, struct buf *ret,
			 struct err *err)
{
	struct http_get request = { .url = at->name, .kind = "key", .max = KEY_MAX,
				    .seconds_max = limits()->document_seconds, .tries = SESSION_TRIES_SMALL, .fd = -1,
				    .body = ret };
	AUTO(free) char *data = NULL;
	size_t len = 0;
	int r;

	if (at->file) {
		r = fd_read_file((*next_fd)++, KEY_MAX, &data, &len);
		if (r == -E2BIG)
			return err_set(err, r, "the key is larger than %d bytes", KEY_MAX);
		if (r < 0)
			return err_sys(err, r, "cannot read '%s'", at->name);
		buf_add(ret, data, len);
		return 0;
	}
	if (!s->request.pubkey_http && http_url_is_http(at->name))
		return err_set(err, -EPROTO, "--insecure-allow-http required for http URLs");
	return session_get(s, &request, err);
}

/* Of either kind, told by the armor: a public key of cosign is X.509's. */
static int read_key(const struct buf *text, struct wire_key *ret, struct err *err)
{
	const char *data = text->data ?: "";
	const char *at = data + strspn(data, " \t\r\n");
	int r;

	if (!str_starts(at, "-----BEGIN ") || str_starts(at, "-----BEGIN PGP "))
		return key_read(data, text->len, ret, err);
	r = cosign_key_read(data, text->len, &ret->fingerprint, err);
	if (r >= 0)
		ret->armor = xstrdup(data);
	return r;
}

/* All keys or none: half of what was asked for would be taken for the whole. */
static int read_keys(struct session *s, const struct wire_location *list, size_t n, struct wire_reply *reply,
		     struct err *err)
{
	int next_fd = WIRE_FD_KEYS, r = 0;

	reply->keys = xcalloc(n + 1, sizeof(*reply->keys));
	for (size_t i = 0; r >= 0 && i < n; i++) {
		AUTO(buf_clear) struct buf text = {};
		struct wire_key *key = &reply->keys[i];

		r = get_key_bytes(s, &list[i], &next_fd, &text, err);
		if (r >= 0)
			r = read_key(&text, key, err);
		if (r < 0)
			return err_wrap(err, r, "error reading key %s", list[i].name);
		key->location = xstrdup(list[i].name);
		reply->n_keys = i + 1;
	}
	return r;
}

static int discover_keys(struct session *s, struct wire_reply *reply, struct err *err)
{
	AUTO(strv_free) char **urls = NULL;
	AUTO(free) struct wire_location *list = NULL;
	size_t n;
	int r = search_keys(s, &urls, err);

	if (r < 0)
		return r;
	n = strv_len(urls);
	list = xcalloc(n + 1, sizeof(*list));
	for (size_t i = 0; i < n; i++)
		list[i].name = urls[i];
	return read_keys(s, list, n, reply, err);
}

static int serve_keys(struct session *s, struct err *err)
{
	const struct wire_request *q = &s->request;
	struct wire_reply reply = { .kind = xstrdup("keys") };
	int r = q->n_locations ? read_keys(s, q->locations, q->n_locations, &reply, err)
			       : discover_keys(s, &reply, err);

	if (r >= 0)
		r = talk_reply(s->talk, &reply);
	wire_reply_clear(&reply);
	return r;
}

/* --- OCI images -------------------------------------------------------------- */

static int serve_registry(struct session *s, struct err *err)
{
	return oci_serve_registry(s->control_fd, &s->request, err);
}

static int serve_layout(struct session *s, struct err *err)
{
	return oci_serve_layout(s->control_fd, &s->request, err);
}

static int serve_archive(struct session *s, struct err *err)
{
	return oci_serve_archive(s->control_fd, &s->request, err);
}

/* --- files of either kind ------------------------------------------------------ */

static int serve_kind(struct session *s, struct err *err)
{
	const char *kind = NULL;
	int r = kind_of_file(WIRE_FD_IMAGE, &kind, err);

	if (r < 0)
		return err_wrap(err, r, "image \"%s\"", s->request.path);
	return talk_reply(s->talk, &(struct wire_reply){ .kind = (char[]){ "kind" }, .text = (char *)kind });
}

/* --- the one request --------------------------------------------------------- */

static const struct { const char *action; size_t needs; int (*serve)(struct session *s, struct err *err); }
actions[] = {
	{ "name", offsetof(struct wire_request, name), aci_serve_name },
	{ "url",  offsetof(struct wire_request, url),  aci_serve_url },
	{ "file", offsetof(struct wire_request, path), aci_serve_file },
	{ "keys", offsetof(struct wire_request, action), serve_keys },
	{ "kind", offsetof(struct wire_request, path), serve_kind },
	{ "registry", offsetof(struct wire_request, oci.registry), serve_registry },
	{ "layout", offsetof(struct wire_request, path), serve_layout },
	{ "archive", offsetof(struct wire_request, path), serve_archive },
};

/* What our own ceilings should have stopped, the kernel does: a little later, so that theirs are the words. */
static void confine_resources(void)
{
	const struct limits *l = limits();
	int64_t largest = l->image_bytes > l->unpacked_bytes ? l->image_bytes : l->unpacked_bytes;

	confine_limit(RLIMIT_FSIZE, (rlim_t)largest + FILE_MARGIN);
	if (!SANITIZED)
		confine_limit(RLIMIT_DATA, OTHER_MEMORY + (rlim_t)l->decompress_memory +
						   (rlim_t)(l->layer_memory * l->parallel_downloads));
}

static int serve(struct session *s, struct err *err)
{
	int r = wire_recv_request(s->control_fd, &s->request, err);

	if (r >= 0)
		r = limits_take(s->request.limits, err);
	if (r < 0)
		return r;
	confine_resources();
	s->talk = talk_new(s->control_fd, s->request.debug);
	if (str_eq(s->request.action, "keys") && !s->request.n_locations && !s->request.name)
		return err_set(err, -ERR_BAD_INPUT, "empty prefix");
	for (size_t i = 0; i < ARRAY_LEN(actions); i++)
		if (str_eq(s->request.action, actions[i].action) &&
		    *(char **)((char *)&s->request + actions[i].needs))
			return actions[i].serve(s, err);
	return err_set(err, -EBADMSG, "received a request that makes no sense");
}

int fetch_serve(int control_fd)
{
	AUTO(err_clear) struct err err = {};
	struct session s = { .control_fd = control_fd };
	int r = serve(&s, &err);

	if (r < 0) {
		struct wire_reply reply = { .kind = (char[]){ "error" }, .code = r, .chain = err.chain };

		if (!err.chain)
			err_sys(&err, r, "cannot fetch");
		reply.chain = err.chain;
		r = wire_send_reply(control_fd, &reply);
		/* Threads may be left that use all of it (image/layers.h): the end of the process frees it. */
		return r < 0 ? 254 : 0;
	}
	session_clear(&s);
	return 0;
}
