#include "image/aci_server.h"

#include <fcntl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "image/decompress.h"
#include "image/discovery.h"
#include "image/search.h"
#include "image/signature.h"
#include "spec/limits.h"

enum { STREAM_ROOM = 1 << 20 };

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
				    .seconds_max = limits()->document_seconds, .tries = SESSION_TRIES_SMALL,
				    .accept_202 = true, .progress = true, .fd = -1, .body = &g->text };
	int r;

	talk_say(s->talk, "downloading signature from %s", url);
	s->label = "Downloading signature";
	r = session_get(s, &request, err);
	if (r == -ERR_NOT_FOUND)
		r = err_wrap(err, -ERR_NO_SIGNATURE, "no signature found (is there such an image?)");
	if (r == 202 && again)
		r = err_set(err, -ERR_NO_SIGNATURE, "server asked to defer the download again");
	if (r < 0)
		return err_wrap(err, r, "error downloading the signature file");
	g->deferred = r == 202;
	if (g->deferred)
		talk_say(s->talk, "server requested deferring the signature download");
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

/* --- downloads -------------------------------------------------------------- */

/* One place where the image may lie. */
struct download {
	struct session *session;
	char *url, *signature_url;	/* the caller's; signature_url NULL: not known */
	struct http_answer answer;
};

/* Before bytes of another version than rkt knows of go into the file: if all ends, that is what will be there. */
static int tell_version(void *arg, const struct http_answer *a, int64_t from, struct err *err)
{
	const struct download *d = arg;
	struct wire_reply reply = { .kind = (char[]){ "version" }, .source = d->url, .version = a->version };
	AUTO(wire_command_clear) struct wire_command command = {};
	int fds[WIRE_COMMAND_FDS], r;

	if (from)
		return 0;
	r = talk_reply(d->session->talk, &reply);
	if (r < 0)
		return err_sys(err, r, "cannot tell rkt what is downloaded");
	r = talk_command(d->session->talk, -1, &command, fds, err);
	if (r >= 0 && !str_eq(command.action, "version"))
		r = err_set(err, -EBADMSG, "received a message that makes no sense");
	return r < 0 ? r : 0;
}

/* 304: it is what rkt has already. */
static int download_image(struct download *d, struct err *err)
{
	const struct wire_request *q = &d->session->request;
	bool known = str_eq(q->if_url, d->url), begun = q->part_version && str_eq(q->part_url, d->url);
	struct http_get get = {
		.url = d->url, .kind = "image", .limit = &limits()->image_bytes, .tries = SESSION_TRIES,
		.need_length = q->skip_signature, .progress = true, .fd = WIRE_FD_DOWNLOAD,
		.on_version = tell_version, .on_version_arg = d, .answer = &d->answer,
		.if_none_match = known ? q->etag : NULL, .if_modified_since = known ? q->last_modified : NULL,
	};
	struct stat st;
	int r;

	if (begun && fstat(WIRE_FD_DOWNLOAD, &st) == 0) {
		get.from = st.st_size;
		get.if_range = q->part_version;
	}
	d->session->label = "Downloading ACI";
	r = session_get(d->session, &get, err);
	return r < 0 ? err_wrap(err, r, "error downloading the image") : r;
}

static int decompress_image(struct session *s, const char *source, struct err *err)
{
	int r;

	(void)fcntl(WIRE_FD_STREAM, F_SETPIPE_SZ, STREAM_ROOM);	/* for speed alone */
	r = decompress(WIRE_FD_DOWNLOAD, WIRE_FD_STREAM, err);
	/* The pipe's end is not the image's fault: rkt asks rkt-unpack. */
	return r < 0 && r != -EPIPE ? err_wrap(err, r, "cannot decompress image \"%s\"", source) : r;
}

static int answer(const struct download *d, const char *kind, const struct signer *signer)
{
	AUTO(free) char *copy = xstrdup(kind);
	struct wire_reply reply = {
		.kind = copy, .source = d->url, .fingerprint = signer->fingerprint, .identities = signer->identities,
		.etag = d->answer.etag, .last_modified = d->answer.last_modified, .max_age = d->answer.max_age,
	};

	return talk_reply(d->session->talk, &reply);
}

static int serve_download(struct download *d, struct err *err)
{
	AUTO(signature_clear) struct signature signature = {};
	AUTO(signer_clear) struct signer signer = {};
	struct session *s = d->session;
	int r;

	talk_say(s->talk, "remote fetching from URL \"%s\"", d->url);
	r = signature_start(s, d->signature_url, &signature, err);
	if (r >= 0)
		r = download_image(d, err);
	if (r == 304)
		return answer(d, "unchanged", &signer);
	if (r >= 0)
		r = signature_finish(s, d->signature_url, &signature, &signer, err);
	if (r >= 0)
		r = decompress_image(s, d->url, err);
	return r < 0 ? r : answer(d, "image", &signer);
}

static int serve_from(struct session *s, char *url, char *signature_url, struct err *err)
{
	struct download d = { .session = s, .url = url, .signature_url = signature_url };
	int r = serve_download(&d, err);

	http_answer_clear(&d.answer);
	return r;
}

/* Is it that place's failure, so that another may do better? One that offers what is signed wrongly ends it all. */
static bool is_of_place(int r)
{
	static const int codes[] = {
		-ERR_NOT_FOUND, -ERR_NO_SIGNATURE, -EACCES, -EAGAIN, -ECONNREFUSED, -EHOSTUNREACH, -EKEYREJECTED, -EPROTO,
		-ETIMEDOUT,
	};

	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (r == codes[i])
			return true;
	return false;
}

/* When no place has it, the first one's reason is told: it is where the image's owner wants us to look first. */
static int serve_endpoints(struct session *s, const struct endpoint *list, size_t n, struct err *err)
{
	int first = 0, r = 0;

	for (size_t i = 0; i < n; i++) {
		AUTO(err_clear) struct err why = {};
		AUTO(free) char *text = NULL;

		r = serve_from(s, list[i].image, list[i].signature, &why);
		if (r >= 0)
			return r;
		text = err_text(&why);
		talk_say(s->talk, "%s", text);
		if (first && is_of_place(r))
			continue;
		err_clear(err);
		*err = why;
		why = (struct err){};
		if (!is_of_place(r))
			return r;
		first = r;
	}
	return first;
}

int aci_serve_name(struct session *s, struct err *err)
{
	struct endpoint *list = NULL;
	size_t n = 0;
	int r = search_images(s, &list, &n, err);

	if (r >= 0)
		r = serve_endpoints(s, list, n, err);
	endpoints_free(list, n);
	return r;
}

int aci_serve_url(struct session *s, struct err *err)
{
	AUTO(free) char *signature_url = discovery_signature_url(s->request.url);

	return serve_from(s, s->request.url, signature_url, err);
}

/* --- files ------------------------------------------------------------------- */

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

int aci_serve_file(struct session *s, struct err *err)
{
	AUTO(signature_clear) struct signature signature = {};
	AUTO(signer_clear) struct signer signer = {};
	struct download d = { .session = s, .url = s->request.path };
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
	return r < 0 ? r : answer(&d, "image", &signer);
}
