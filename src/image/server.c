#include "image/server.h"

#include <fcntl.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <time.h>

#include "base/fd.h"
#include "image/cosign.h"
#include "image/decompress.h"
#include "image/discovery.h"
#include "image/http.h"
#include "image/oci_server.h"
#include "image/signature.h"
#include "image/wire.h"
#include "os/confine.h"
#include "spec/limits.h"

enum {
	PROGRESS_MS = 100,
	STREAM_ROOM = 1 << 20,
	OTHER_MEMORY = 256 << 20,	/* stacks of threads, TLS, documents */
};

#ifdef __SANITIZE_ADDRESS__
enum { SANITIZED = true };	/* it maps terabytes */
#else
enum { SANITIZED = false };
#endif

struct session {
	int control_fd;
	struct wire_request request;
	struct http *http;	/* made when first needed */
	const char *label;	/* of the transfer that is going on */
	int64_t told_at, told_done;	/* progress: when (ms) and what was last told */
};

/* --- telling ------------------------------------------------------------- */

PRINTF(2, 3) static void say(struct session *s, const char *fmt, ...)
{
	AUTO(free) char *text = NULL;
	struct wire_reply reply = { .kind = (char[]){ "log" } };
	va_list ap;

	if (!s->request.debug)
		return;
	va_start(ap, fmt);
	text = xvasprintf(fmt, ap);
	va_end(ap);
	reply.text = text;
	(void)wire_send_reply(s->control_fd, &reply);	/* a gone rkt is met at the next answer */
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int tell_progress(struct session *s, int64_t done, int64_t total)
{
	AUTO(free) char *label = xstrdup(s->label);
	struct wire_reply reply = { .kind = (char[]){ "progress" }, .label = label, .done = done, .total = total };

	s->told_at = now_ms();
	s->told_done = done;
	return wire_send_reply(s->control_fd, &reply);
}

static int on_progress(void *arg, int64_t done, int64_t total)
{
	struct session *s = arg;

	if (done == s->told_done || (done != total && now_ms() - s->told_at < PROGRESS_MS))
		return 0;
	return tell_progress(s, done, total);
}

/* --- getting ------------------------------------------------------------- */

static int get(struct session *s, const struct http_get *get, char **ret_url, struct err *err)
{
	const struct wire_request *q = &s->request;
	struct http_config config = {
		.skip_tls = q->skip_tls,
		.allow_downgrade = str_eq(q->action, "keys") ? q->pubkey_http : q->allow_http,
		.credentials = q->credentials, .n_credentials = q->n_credentials,
		.progress = on_progress, .arg = s,
	};
	int r;

	if (!s->http) {
		r = http_new(&config, &s->http, err);
		if (r < 0)
			return r;
	}
	return http_get(s->http, get, ret_url, err);
}

/* What discovery looks for on a page. */
struct search {
	const char *kind;	/* DISCOVERY_IMAGE, DISCOVERY_KEYS */
	bool allow_http;
	char **values;		/* what the first page that has any offers */
	struct err first;	/* why the first page gave nothing */
};

static void note_failure(struct session *s, struct search *search, struct err *why)
{
	AUTO(free) char *text = err_text(why);

	say(s, "%s", text);
	if (!search->first.chain)
		search->first = *why;
	else
		err_clear(why);
	*why = (struct err){};
}

/* 1: this page has values. 0: no page, or nothing in it. *ret_page: there was one. */
static int look_at(struct session *s, struct search *search, const char *scheme, const char *path, bool *ret_page)
{
	AUTO(free) char *url = discovery_page(scheme, path);
	AUTO(buf_clear) struct buf page = {};
	struct http_get request = { .url = url, .kind = "discovery page", .limit = &limits()->page_bytes,
				    .seconds_max = limits()->document_seconds, .fd = -1, .body = &page };
	struct err why = {};
	int r = get(s, &request, NULL, &why);

	*ret_page = r >= 0;
	if (r >= 0)
		search->values = discovery_tags(page.data ? page.data : "", page.len, search->kind, s->request.name);
	if (search->values)
		return 1;
	if (r >= 0)
		err_set(&why, -ERR_NOT_FOUND, "meta tag '%s' not found on %s", search->kind, url);
	note_failure(s, search, &why);
	return 0;
}

/* From the name itself up to its host, until a page offers something. */
static bool discover(struct session *s, struct search *search)
{
	AUTO(free) char *path = xstrdup(s->request.name);
	bool page = false, found;

	do {
		found = look_at(s, search, "https", path, &page);
		if (!found && !page && search->allow_http)
			found = look_at(s, search, "http", path, &page);
	} while (!found && discovery_parent(path));
	return found;
}

static void search_clear(struct search *search)
{
	strv_free(search->values);
	err_clear(&search->first);
}

/* What went wrong at the first page, behind the words of rkt. */
static int nothing_found(const struct search *search, int r, struct err *err, const char *words)
{
	AUTO(free) char *why = search->first.chain ? err_text(&search->first) : NULL;

	if (why)
		return err_wrap(err, err_set(err, r, "%s", why), "%s", words);
	return err_set(err, r, "%s", words);
}

/* Where image and signature lie, by the first template that can be filled in. */
static int discover_image(struct session *s, char **ret_image, char **ret_signature, struct err *err)
{
	const struct wire_request *q = &s->request;
	struct search search = { .kind = DISCOVERY_IMAGE, .allow_http = q->allow_http };
	int r;

	discover(s, &search);
	for (size_t i = 0; search.values && search.values[i] && !*ret_image; i++) {
		AUTO(free) char *image = discovery_render(search.values[i], q->name, q->labels, q->n_labels, "aci");
		AUTO(free) char *signature = discovery_render(search.values[i], q->name, q->labels, q->n_labels,
							      "aci.asc");

		if (!image || !signature || (!q->allow_http && !http_url_is_secure(image))) {
			say(s, "cannot use discovered '%s'", search.values[i]);
			continue;
		}
		*ret_image = TAKE(image);
		*ret_signature = TAKE(signature);
	}
	r = *ret_image ? 0 : nothing_found(&search, -ERR_NOT_FOUND, err, "no endpoints discovered");
	search_clear(&search);
	return r < 0 ? err_wrap(err, r, "discovery failed for \"%s\"", q->name) : 0;
}

/* --- signatures ------------------------------------------------------------ */

struct signature {
	struct verifier *verifier;
	struct buf text;
	bool deferred;		/* the server wants to be asked again after the image */
};

static void signature_clear(struct signature *g)
{
	verifier_free(g->verifier);
	buf_clear(&g->text);
}
static inline void signature_clear_auto(struct signature *g) { signature_clear(g); }

static int download_signature(struct session *s, const char *url, bool again, struct signature *g, struct err *err)
{
	struct http_get request = { .url = url, .kind = "signature", .max = SIGNATURE_MAX,
				    .seconds_max = limits()->document_seconds, .accept_202 = true, .progress = true,
				    .fd = -1, .body = &g->text };
	int r;

	say(s, "downloading signature from %s", url);
	s->label = "Downloading signature";
	r = get(s, &request, NULL, err);
	if (r == -ERR_NOT_FOUND)
		r = err_wrap(err, -ERR_NO_SIGNATURE, "no signature found");
	if (r == 202 && again)
		r = err_set(err, -ERR_NO_SIGNATURE, "server asked to defer the download again");
	if (r < 0)
		return err_wrap(err, r, "error downloading the signature file");
	g->deferred = r == 202;
	if (g->deferred)
		say(s, "server requested deferring the signature download");
	return 0;
}

static int read_signature(struct signature *g, struct err *err)
{
	AUTO(free) char *data = NULL;
	size_t len = 0;
	int r = fd_read_file(WIRE_FD_SIGNATURE, SIGNATURE_MAX, &data, &len);

	if (r == -E2BIG)
		return err_set(err, -ERR_BAD_SIGNATURE, "keystore: no valid signatures found in signature file");
	if (r < 0)
		return err_sys(err, r, "error reading signature file");
	buf_add(&g->text, data, len);
	return 0;
}

/* Before the image: gets the signature and looks whether it is worth going on. */
static int signature_start(struct session *s, const char *url, struct signature *g, struct err *err)
{
	const struct wire_request *q = &s->request;
	int r;

	if (q->skip_signature)
		return 0;
	r = verifier_new(q->trusted, q->n_trusted, &g->verifier, err);
	if (r < 0)
		return r;
	if (q->has_signature)
		r = read_signature(g, err);
	else if (url)
		r = download_signature(s, url, false, g, err);
	else
		r = err_set(err, -ERR_NO_SIGNATURE, "no signature is known for this image");
	if (r < 0 || g->deferred)
		return r;
	return verifier_knows(g->verifier, g->text.data, g->text.len, err);
}

/* After the image: is it what was signed? */
static int signature_finish(struct session *s, const char *url, struct signature *g, struct signer *ret,
			    struct err *err)
{
	int r;

	if (s->request.skip_signature)
		return 0;
	if (g->deferred) {
		r = download_signature(s, url, true, g, err);
		if (r < 0)
			return r;
	}
	return verifier_check(g->verifier, WIRE_FD_DOWNLOAD, g->text.data, g->text.len, ret, err);
}

/* --- images --------------------------------------------------------------- */

/*
 * From here on all that is done to the image is done to our copy: whoever can
 * write the file that was named has no part in it any more.
 */
static int copy_file(struct session *s, struct err *err)
{
	int64_t done = 0;
	off_t at = 0;

	for (;;) {
		ssize_t n = sendfile(WIRE_FD_DOWNLOAD, WIRE_FD_IMAGE, &at, 8 << 20);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, -errno, "cannot copy '%s'", s->request.path);
		if (!n)
			return 0;
		done += n;
		if (done > limits()->image_bytes)
			return limit_refuse(err, &limits()->image_bytes, "'%s' is larger than", s->request.path);
	}
}

static int download_image(struct session *s, const char *url, char **ret_source, struct err *err)
{
	const struct wire_request *q = &s->request;
	struct http_get request = {
		.url = url, .kind = "image", .limit = &limits()->image_bytes,
		.need_length = q->skip_signature, .progress = true, .fd = WIRE_FD_DOWNLOAD,
	};
	int r;

	s->label = "Downloading ACI";
	r = get(s, &request, ret_source, err);
	return r < 0 ? err_wrap(err, r, "error downloading the image") : 0;
}

static int decompress_image(struct session *s, const char *source, struct err *err)
{
	int r;

	(void)fcntl(WIRE_FD_STREAM, F_SETPIPE_SZ, STREAM_ROOM);	/* for speed alone */
	r = decompress(WIRE_FD_DOWNLOAD, WIRE_FD_STREAM, err);
	/* The pipe's end is not the image's fault: rkt asks rkt-unpack. */
	return r < 0 && r != -EPIPE ? err_wrap(err, r, "cannot decompress image \"%s\"", source) : r;
}

static int answer_image(struct session *s, const struct signer *signer, char *source)
{
	struct wire_reply reply = { .kind = (char[]){ "image" }, .source = source,
				    .fingerprint = signer->fingerprint, .identities = signer->identities };

	return wire_send_reply(s->control_fd, &reply);
}

static int serve_remote(struct session *s, const char *image_url, const char *signature_url, struct err *err)
{
	AUTO(signature_clear) struct signature signature = {};
	AUTO(signer_clear) struct signer signer = {};
	AUTO(free) char *source = NULL;
	int r;

	r = signature_start(s, signature_url, &signature, err);
	if (r >= 0)
		r = download_image(s, image_url, &source, err);
	if (r >= 0)
		r = signature_finish(s, signature_url, &signature, &signer, err);
	if (r >= 0)
		r = decompress_image(s, source, err);
	return r < 0 ? r : answer_image(s, &signer, source);
}

static int serve_name(struct session *s, struct err *err)
{
	AUTO(free) char *image_url = NULL;
	AUTO(free) char *signature_url = NULL;
	int r = discover_image(s, &image_url, &signature_url, err);

	if (r < 0)
		return r;
	say(s, "remote fetching from URL \"%s\"", image_url);
	return serve_remote(s, image_url, signature_url, err);
}

static int serve_url(struct session *s, struct err *err)
{
	AUTO(free) char *signature_url = discovery_signature_url(s->request.url);

	say(s, "remote fetching from URL \"%s\"", s->request.url);
	return serve_remote(s, s->request.url, signature_url, err);
}

static int serve_file(struct session *s, struct err *err)
{
	AUTO(signature_clear) struct signature signature = {};
	AUTO(signer_clear) struct signer signer = {};
	int r;

	r = copy_file(s, err);
	if (r < 0)
		return r;
	r = signature_start(s, NULL, &signature, err);
	if (r >= 0)
		r = signature_finish(s, NULL, &signature, &signer, err);
	if (r < 0)
		return err_wrap(err, r, "image \"%s\" verification failed", s->request.path);
	r = decompress_image(s, s->request.path, err);
	return r < 0 ? r : answer_image(s, &signer, s->request.path);
}

/* --- keys ------------------------------------------------------------------ */

static int get_key_bytes(struct session *s, const struct wire_location *at, int *next_fd, struct buf *ret,
			 struct err *err)
{
	struct http_get request = { .url = at->name, .kind = "key", .max = KEY_MAX, .seconds_max = limits()->document_seconds,
				    .fd = -1, .body = ret };
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
	return get(s, &request, NULL, err);
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
	const char *prefix = s->request.name;
	struct search search = { .kind = DISCOVERY_KEYS, .allow_http = s->request.pubkey_http };
	AUTO(free) struct wire_location *list = NULL;
	AUTO(free) char *words = xasprintf("meta discovery on %s resulted in no keys", prefix);
	size_t n;
	int r;

	discover(s, &search);
	n = strv_len(search.values);
	list = xcalloc(n + 1, sizeof(*list));
	for (size_t i = 0; i < n; i++)
		list[i].name = search.values[i];
	if (n)
		r = read_keys(s, list, n, reply, err);
	else
		r = nothing_found(&search, -ERR_NOT_FOUND, err, words);
	search_clear(&search);
	return r;
}

static int serve_keys(struct session *s, struct err *err)
{
	const struct wire_request *q = &s->request;
	struct wire_reply reply = { .kind = xstrdup("keys") };
	int r = q->n_locations ? read_keys(s, q->locations, q->n_locations, &reply, err)
			       : discover_keys(s, &reply, err);

	if (r >= 0)
		r = wire_send_reply(s->control_fd, &reply);
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

/* --- the one request --------------------------------------------------------- */

static const struct { const char *action; size_t needs; int (*serve)(struct session *s, struct err *err); }
actions[] = {
	{ "name", offsetof(struct wire_request, name), serve_name },
	{ "url",  offsetof(struct wire_request, url),  serve_url },
	{ "file", offsetof(struct wire_request, path), serve_file },
	{ "keys", offsetof(struct wire_request, action), serve_keys },
	{ "registry", offsetof(struct wire_request, oci.registry), serve_registry },
	{ "layout", offsetof(struct wire_request, path), serve_layout },
	{ "archive", offsetof(struct wire_request, path), serve_archive },
};

/* What our own ceilings should have stopped, the kernel does. */
static void confine_resources(void)
{
	const struct limits *l = limits();

	confine_limit(RLIMIT_FSIZE, (rlim_t)l->image_bytes);
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
	http_free(s.http);
	wire_request_clear(&s.request);
	return 0;
}
