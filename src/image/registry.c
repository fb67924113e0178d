#include "image/registry.h"

#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "image/endpoint.h"
#include "image/sha.h"
#include "spec/limits.h"

enum { HASH_ROOM = 256 << 10 };

struct registry {
	struct source source;
	const struct wire_oci *oci;
	struct talk *talk;
	struct endpoint **endpoints;	/* mirrors, and the registry last */
	size_t n;
};

static void registry_free(struct source *s)
{
	struct registry *r = (struct registry *)s;

	for (size_t i = 0; i < r->n; i++)
		endpoint_free(r->endpoints[i]);
	free(r->endpoints);
	free(r);
}

typedef int get_from(struct registry *r, struct endpoint *e, void *arg, struct err *err);

static void pass_over(const struct registry *r, struct endpoint *e, int result, const struct err *err)
{
	AUTO(free) char *words = err ? err_text(err) : xstrdup(err_name(result));

	talk_say(r->talk, "mirror '%s' is passed over%s: %s", endpoint_name(e), endpoint_is_silent(e) ? " from now on" : "",
		 words);
}

/*
 * Calls get for one endpoint after the other until one of them has it. A failure that is not the endpoint's sets
 * *ours, which ends it.
 */
static int from_any(struct registry *r, get_from *get, void *arg, const bool *ours, struct err *err)
{
	int result = 0;

	for (size_t i = 0; i < r->n; i++) {
		struct endpoint *e = r->endpoints[i];

		if (i + 1 < r->n && endpoint_is_silent(e))
			continue;
		result = get(r, e, arg, err);
		if (result >= 0 || (ours && *ours) || i + 1 == r->n)
			break;
		pass_over(r, e, result, err);
	}
	return result;
}

/* --- documents ------------------------------------------------------------------------ */

struct wanted {
	const char *path, *kind;
	const char *digest;	/* NULL: a tag is asked for */
	int64_t size;		/* -1: not known */
	const char *accept;
	bool own_only;		/* see struct http_get */
	struct document *ret;
};

/* "application/x; charset=utf-8" without what follows the type. NULL: it says nothing of what the document is. */
static char *media_type(const char *content_type)
{
	static const char *const any[] = { "", "application/json", "application/octet-stream", "text/plain" };
	AUTO(free) char *type = xstrndup(content_type ?: "", strcspn(content_type ?: "", "; \t"));

	for (size_t i = 0; i < ARRAY_LEN(any); i++)
		if (strcasecmp(type, any[i]) == 0)
			return NULL;
	return TAKE(type);
}

static int ask_document(struct endpoint *e, const struct wanted *w, struct http_answer *answer, struct document *ret,
			struct err *err)
{
	bool is_blob = str_starts(w->path, "blobs/");
	struct http_get get = {
		.kind = w->kind, .accept = is_blob ? NULL : w->accept ?: OCI_ACCEPT, .answer = answer,
		.own_only = w->own_only, .limit = &limits()->document_bytes, .seconds_max = limits()->document_seconds,
		.fd = -1, .body = &ret->text,
	};
	int result = endpoint_get(e, w->path, &get, NULL, err);

	if (result < 0)
		return result;
	ret->media_type = is_blob ? NULL : media_type(answer->content_type);
	return document_check(ret, w->digest, w->size, err);
}

static int cannot_get(const struct registry *r, const struct endpoint *e, const struct wanted *w, int result,
		      struct err *err)
{
	if (result == -ERR_NOT_FOUND)
		return err_wrap(err, result, "'%s' has no %s '%s' of '%s'", endpoint_name(e), w->kind,
				strchr(w->path, '/') + 1, r->oci->repository);
	return err_wrap(err, result, "cannot get %s '%s' of '%s' from '%s'", w->kind, strchr(w->path, '/') + 1,
			r->oci->repository, endpoint_name(e));
}

static int get_document(struct registry *r, struct endpoint *e, void *arg, struct err *err)
{
	const struct wanted *w = arg;
	AUTO(http_answer_clear) struct http_answer answer = {};
	AUTO(document_clear) struct document d = {};
	int result = ask_document(e, w, &answer, &d, err);

	if (result < 0)
		return cannot_get(r, e, w, result, err);
	if (answer.digest && !str_eq(answer.digest, d.digest))
		talk_say(r->talk, "'%s' says that '%s' has the digest %s; it is %s", endpoint_name(e), w->path,
			 answer.digest, d.digest);
	*w->ret = d;
	d = (struct document){};
	return 0;
}

static int registry_root(struct source *s, struct document *ret, struct err *err)
{
	struct registry *r = (struct registry *)s;
	AUTO(free) char *path = xasprintf("manifests/%s", r->oci->digest ?: r->oci->tag);
	struct wanted w = { .path = path, .kind = "manifest", .digest = r->oci->digest, .size = -1, .ret = ret };

	return from_any(r, get_document, &w, NULL, err);
}

/* --- signatures ----------------------------------------------------------------------- */

/* From that place alone. A mirror that fails has nothing; only of the registry itself it must be known. */
static int from_place(struct registry *r, size_t place, get_from *get, void *arg, struct err *err)
{
	struct endpoint *e = r->endpoints[place];
	int result;

	if (place + 1 == r->n)
		return get(r, e, arg, err);
	if (endpoint_is_silent(e))
		return -ERR_NOT_FOUND;
	result = get(r, e, arg, err);
	if (result < 0)
		pass_over(r, e, result, err);
	return result < 0 ? -ERR_NOT_FOUND : result;
}

static int registry_tag(struct source *s, size_t place, const char *tag, struct document *ret, struct err *err)
{
	AUTO(free) char *path = xasprintf("manifests/%s", tag);
	struct wanted w = { .path = path, .kind = "manifest", .size = -1, .ret = ret };

	return from_place((struct registry *)s, place, get_document, &w, err);
}

/* A list of what refers to an image, page by page. */
struct listing {
	const char *digest;
	char **next;
	struct document *ret;
};

/*
 * Registries say in many ways that they have no such list: by a status that speaks of the request, by sending us
 * elsewhere, by a page for people. That they refuse us, are asked too much, or broken, is something else.
 */
static bool has_no_lists(int result, const struct http_answer *answer, const struct document *d)
{
	AUTO(oci_document_clear) struct oci_document index = {};
	AUTO(free) char *type = media_type(answer->content_type);
	int status = answer->status;

	if (status != 200)
		return status == 501 || (status >= 300 && status < 500 && status != 401 && status != 407 &&
					 status != 408 && status != 429);
	if (type)
		return !str_eq(type, OCI_TYPE_INDEX);
	return result >= 0 && (oci_document_read(d->text.data ?: "", d->text.len, NULL, &index, NULL) < 0 ||
			       index.kind != OCI_KIND_INDEX);
}

static int get_page(struct registry *r, struct endpoint *e, void *arg, struct err *err)
{
	struct listing *l = arg;
	AUTO(free) char *path = *l->next ? endpoint_path(e, *l->next) : xasprintf("referrers/%s", l->digest);
	struct wanted w = { .path = path, .kind = "list", .size = -1, .accept = OCI_TYPE_INDEX, .own_only = true };
	AUTO(http_answer_clear) struct http_answer answer = {};
	AUTO(document_clear) struct document d = {};
	int result;

	if (!path)
		return err_set(err, -ERR_BAD_INPUT, "the list goes on at another place than '%s'", endpoint_name(e));
	result = ask_document(e, &w, &answer, &d, err);
	if (!*l->next && has_no_lists(result, &answer, &d))
		result = err_set(err, -ERR_NOT_FOUND, "it has no such lists");
	if (result < 0)
		return cannot_get(r, e, &w, result, err);
	free(*l->next);
	*l->next = http_url_next(&answer);
	*l->ret = d;
	d = (struct document){};
	return 0;
}

/* Where the API has no list, below the tag that stands in for it. Some know an image by that tag too. */
static int get_list(struct registry *r, struct endpoint *e, void *arg, struct err *err)
{
	struct listing *l = arg;
	AUTO(free) char *tag = oci_digest_tag(l->digest, ""), *path = xasprintf("manifests/%s", tag);
	AUTO(document_clear) struct document d = {};
	struct wanted w = { .path = path, .kind = "list", .size = -1, .ret = &d };
	int result = get_page(r, e, l, err);

	if (result != -ERR_NOT_FOUND)
		return result;
	err_clear(err);
	result = get_document(r, e, &w, err);
	if (result >= 0 && str_eq(d.digest, l->digest))
		return err_set(err, -ERR_NOT_FOUND, "'%s' is no list, but the image itself", path);
	if (result < 0)
		return result;
	*l->ret = d;
	d = (struct document){};
	return 0;
}

static int registry_referrers(struct source *s, size_t place, const char *digest, char **next, struct document *ret,
			      struct err *err)
{
	struct listing l = { .digest = digest, .next = next, .ret = ret };

	return from_place((struct registry *)s, place, *next ? get_page : get_list, &l, err);
}

/* --- documents by their digests -------------------------------------------------------- */

static bool is_manifest_type(const char *type)
{
	static const char *const types[] = {
		OCI_TYPE_INDEX, DOCKER_TYPE_LIST, OCI_TYPE_MANIFEST, DOCKER_TYPE_MANIFEST,
	};

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (str_eq(type, types[i]))
			return true;
	return false;
}

/* What of a descriptor goes into a URL, and is compared later. */
static int check_descriptor(const struct oci_descriptor *d, const int64_t *max, const char *kind, struct err *err)
{
	if (!oci_digest_valid(d->digest) || d->size < 0)
		return err_set(err, -ERR_BAD_INPUT, "a %s has no digest or no size", kind);
	return d->size > *max ? limit_refuse(err, max, "%s '%s' is larger than", kind, d->digest) : 0;
}

static int registry_document(struct source *s, const struct oci_descriptor *d, struct document *ret, struct err *err)
{
	bool is_manifest = is_manifest_type(d->media_type);
	const char *kind = is_manifest ? "manifest" : "document";
	int result = check_descriptor(d, &limits()->document_bytes, kind, err);
	AUTO(free) char *path = NULL;
	struct wanted w = { .kind = kind, .digest = d->digest, .size = d->size, .ret = ret };

	if (result < 0)
		return result;
	path = xasprintf("%s/%s", is_manifest ? "manifests" : "blobs", d->digest);
	w.path = path;
	return from_any((struct registry *)s, get_document, &w, NULL, err);
}

/* --- blobs ---------------------------------------------------------------------------- */

struct download {
	const struct oci_descriptor *d;
	const struct blob_sink *sink;
	struct sha *sha;	/* of the held bytes */
	int64_t held;
	const char *by;		/* where the last of them came from */
	/*
	 * It was begun by another process: nothing is handed on before all of it is known to be right. What was
	 * handed on can't be taken back, and such a file may hold what a crash has left of it.
	 */
	bool is_resumed;
	bool ours;		/* what failed is not the server's fault */
};

static void forget(struct download *l)
{
	sha_free(l->sha);
	l->sha = sha_new(l->d->digest);
	l->held = 0;
}

static void tell_done(const struct download *l)
{
	if (l->sink->done)
		__atomic_store_n(l->sink->done, l->held, __ATOMIC_RELAXED);
}

/* The first size bytes of the file are what is held from now on. */
static int hold(struct download *l, int64_t size, struct err *err)
{
	AUTO(free) char *room = xmalloc(HASH_ROOM);

	forget(l);
	while (l->held < size) {
		size_t want = size - l->held < HASH_ROOM ? (size_t)(size - l->held) : HASH_ROOM;
		ssize_t n = pread(l->sink->fd, room, want, l->held);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_sys(err, n < 0 ? -errno : -EIO, "cannot read what was downloaded before");
		sha_add(l->sha, room, (size_t)n);
		l->held += n;
	}
	tell_done(l);
	return 0;
}

static int drop(struct download *l, struct err *err)
{
	forget(l);
	tell_done(l);
	l->is_resumed = false;
	return ftruncate(l->sink->fd, 0) < 0 ? err_sys(err, -errno, "cannot begin the download anew") : 0;
}

static int on_version(void *arg, const struct http_answer *a, int64_t from, struct err *err)
{
	struct download *l = arg;
	int result = from == l->held ? 0 : hold(l, from, err);

	l->is_resumed &= from > 0;
	l->ours |= result < 0;
	return result;
}

static int hand_on(struct download *l)
{
	int result = l->sink->grown(l->sink->arg, l->held);

	l->ours |= result < 0;
	return result;
}

static int on_data(void *arg, const void *data, size_t len)
{
	struct download *l = arg;

	sha_add(l->sha, data, len);
	l->held += (int64_t)len;
	tell_done(l);
	return l->is_resumed ? 0 : hand_on(l);
}

static int get_blob(struct registry *r, struct endpoint *e, void *arg, struct err *err)
{
	struct download *l = arg;
	AUTO(free) char *path = xasprintf("blobs/%s", l->d->digest);
	AUTO(http_answer_clear) struct http_answer answer = {};
	struct http_get get = {
		.kind = "layer", .answer = &answer, .fixed = true, .max = l->d->size, .exact = true, .fd = l->sink->fd,
		.on_version = on_version, .on_version_arg = l, .on_data = on_data, .on_data_arg = l,
	};
	int result = l->held == l->d->size ? 0 : endpoint_get(e, path, &get, &l->held, err);

	l->by = endpoint_name(e);
	if (result == -ERR_NOT_FOUND && l->d->urls)
		result = err_set(err, result, "it is not there, and places that its manifest names are not asked");
	if (result >= 0 && l->held != l->d->size)
		result = err_set(err, -ERR_BAD_INPUT, "it has %lld bytes and should have %lld", (long long)l->held,
				 (long long)l->d->size);
	if (result < 0 && !l->ours)
		return err_wrap(err, result, "cannot get layer '%s' of '%s' from '%s'", l->d->digest,
				r->oci->repository, endpoint_name(e));
	return result;
}

/* All bytes are there. 1: they are not what was asked for, and shall be fetched anew. */
static int finish(struct registry *r, struct download *l, struct err *err)
{
	AUTO(free) char *digest = sha_finish(l->sha);
	bool again = l->is_resumed;
	int result;

	if (str_eq(digest, l->d->digest))
		return l->is_resumed ? hand_on(l) : 0;
	result = drop(l, err);	/* nobody is to go on with it */
	if (result < 0)
		return result;
	if (!again)
		return err_set(err, -ERR_BAD_INPUT, "layer '%s' of '%s' is not what '%s' sent: that has the digest %s",
			       l->d->digest, r->oci->repository, l->by, digest);
	talk_say(r->talk, "what was downloaded of layer '%s' before is of no use", l->d->digest);
	return 1;
}

static int download(struct registry *r, struct download *l, struct err *err)
{
	struct stat st;
	int result;

	if (fstat(l->sink->fd, &st) < 0)
		return err_sys(err, -errno, "cannot look at what was downloaded before");
	result = st.st_size <= l->d->size ? hold(l, st.st_size, err) : drop(l, err);
	l->is_resumed = l->held > 0;
	do {
		if (result >= 0)
			result = from_any(r, get_blob, l, &l->ours, err);
		if (result >= 0)
			result = finish(r, l, err);
	} while (result > 0);
	return result;
}

static int registry_blob(struct source *s, const struct oci_descriptor *d, const struct blob_sink *sink,
			 struct err *err)
{
	struct download l = { .d = d, .sink = sink };
	int result = check_descriptor(d, &limits()->image_bytes, "layer", err);

	if (result < 0)
		return result;
	result = download((struct registry *)s, &l, err);
	sha_free(l.sha);
	return result;
}

/* --- all of it ------------------------------------------------------------------------ */

static const struct source_ops ops = {
	.root = registry_root, .document = registry_document, .blob = registry_blob, .tag = registry_tag,
	.referrers = registry_referrers, .free = registry_free,
};

static int add_endpoint(struct registry *r, const struct wire_request *q, const char *base, struct err *err)
{
	struct endpoint_config config = {
		.base = base, .repository = q->oci.repository, .request = q, .talk = r->talk,
	};
	int result = endpoint_new(&config, &r->endpoints[r->n], err);

	r->n += result >= 0;
	return result;
}

static void add_mirror(struct registry *r, const struct wire_request *q, const char *base)
{
	AUTO(err_clear) struct err why = {};
	AUTO(free) char *words = NULL;

	if (add_endpoint(r, q, base, &why) >= 0)
		return;
	words = err_text(&why);
	talk_say(r->talk, "a mirror is passed over: %s", words);
}

int registry_new(const struct wire_request *request, struct talk *talk, struct source **ret, struct err *err)
{
	const struct wire_oci *oci = &request->oci;
	size_t n_mirrors = strv_len(oci->mirrors);
	struct registry *r;
	int result;

	if (!oci->registry || !oci->repository || !(oci->digest ? oci_digest_valid(oci->digest) : oci->tag != NULL))
		return err_set(err, -EBADMSG, "received a request that makes no sense");
	r = xcalloc(1, sizeof(*r));
	*r = (struct registry){ .source.ops = &ops, .oci = oci, .talk = talk };
	r->endpoints = xcalloc(n_mirrors + 1, sizeof(struct endpoint *));
	for (size_t i = 0; i < n_mirrors; i++)
		add_mirror(r, request, oci->mirrors[i]);
	result = add_endpoint(r, request, oci->registry, err);
	r->source.n_places = r->n;
	if (result < 0)
		registry_free(&r->source);
	else
		*ret = &r->source;
	return result;
}
