#include "image/http_transfer.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "config.h"
#include "image/authorize.h"
#include "spec/limits.h"

enum { SPEED_MIN = 100, OTHER_BODY_MAX = 64 << 10 };

/* --- answers ----------------------------------------------------------------- */

static long status_of(const struct transfer *t)
{
	long status = 0;

	curl_easy_getinfo(t->http->curl, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

static bool is_body(long status) { return status == 200 || status == 206; }

/* The limit that the body is held against; NULL: t->get->max. */
static const int64_t *body_limit(const struct transfer *t)
{
	const struct http_header *h = &t->header;
	int64_t max = t->get->limit ? *t->get->limit : t->get->max;
	bool is_sized = h->has_length || h->range.given || t->get->exact;

	/* Who does not say how much it will be could go on until the disk is full. */
	return is_sized || max < limits()->unsized_bytes ? t->get->limit : &limits()->unsized_bytes;
}

/* How much of the body we take. */
static int64_t body_max(const struct transfer *t)
{
	const int64_t *limit = body_limit(t);

	return limit ? *limit : t->get->max;
}

static int too_large(const struct transfer *t)
{
	const int64_t *limit = body_limit(t);

	if (!limit)
		return err_set(t->err, -E2BIG, "the %s is larger than %lld bytes", t->get->kind,
			       (long long)t->get->max);
	if (limit != t->get->limit)
		return limit_refuse(t->err, limit, "the server does not say how long the %s is, and it is larger than",
				    t->get->kind);
	return limit_refuse(t->err, limit, "the %s is larger than", t->get->kind);
}

/* The server does not go on where we asked it to: then it is to send everything. */
static int wrong_range(struct transfer *t, const char *why)
{
	t->again = AGAIN_WHOLE;
	return err_set(t->err, -EPROTO, "cannot go on with a download: %s", why);
}

static int range_check(struct transfer *t)
{
	const struct http_header *h = &t->header;
	const struct http_answer *a = &h->answer;
	const char *now = t->if_range && t->if_range[0] == '"' ? a->etag : a->last_modified;

	if (!t->from)
		return err_set(t->err, -EPROTO, "bad HTTP status code: 206, without having been asked");
	if (!h->range.given || h->range.first != t->from - HTTP_OVERLAP)
		return wrong_range(t, "the answer begins elsewhere");
	if (h->range.total < t->from)
		return wrong_range(t, "the answer does not say where it ends");
	if (t->if_range && now && !str_eq(now, t->if_range))
		return wrong_range(t, "the answer is of another version");
	return 0;
}

/* How long all of the body will be; -1: not said. */
static int64_t announced(const struct transfer *t)
{
	curl_off_t length = -1;

	if (status_of(t) == 206)
		return t->header.range.total;
	curl_easy_getinfo(t->http->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
	return length;
}

/* Does the answer promise a body that we can take? */
static int accept_body(struct transfer *t)
{
	const struct http_header *h = &t->header;
	long version = 0;
	int r = 0;

	curl_easy_getinfo(t->http->curl, CURLINFO_HTTP_VERSION, &version);
	if (h->encoding)
		return err_set(t->err, -EPROTO, "unexpected content encoding '%s'", h->encoding);
	/* HTTP/2 frames say where a body ends. */
	if (t->get->need_length && !h->has_length && !h->chunked && version < CURL_HTTP_VERSION_2_0)
		return err_set(t->err, -EPROTO, "the server does not say how long the %s is", t->get->kind);
	if (status_of(t) == 206)
		r = range_check(t);
	if (r >= 0 && announced(t) > body_max(t))
		r = too_large(t);
	t->accepted = true;
	t->at = status_of(t) == 206 ? t->from - HTTP_OVERLAP : 0;
	return r;
}

/* From here on what is held is of this answer's version. */
static int begin_body(struct transfer *t)
{
	const struct http_get *get = t->get;
	struct http_answer answer = t->header.answer;
	AUTO(free) char *url = xstrdup(t->url);
	int r = 0;

	answer.url = url;
	answer.status = (int)status_of(t);
	if (get->on_version)
		r = get->on_version(get->on_version_arg, &answer, t->at, t->err);
	if (r < 0)
		return r;
	t->begun = true;
	if (get->fd < 0)
		get->body->len = t->body_start;
	else if (ftruncate(get->fd, t->at) < 0)
		return err_sys(t->err, -errno, "cannot keep the %s", get->kind);
	return 0;
}

/* Holds the first bytes of a continued body against those that fd has. Returns how many it took. */
static ssize_t compare(struct transfer *t, const char *data, size_t len)
{
	char held[HTTP_OVERLAP];
	size_t n = (size_t)(t->from - t->at);
	ssize_t got;

	if (n > len)
		n = len;
	do {
		got = pread(t->get->fd, held, n, t->at);
	} while (got < 0 && errno == EINTR);
	if (got != (ssize_t)n || memcmp(held, data, n) != 0)
		return wrong_range(t, "its end differs from what the server has there");
	t->at += got;
	return got;
}

static int keep(struct transfer *t, const char *data, size_t len)
{
	const struct http_get *get = t->get;
	int r = 0;

	if (!t->begun)
		r = begin_body(t);
	if (r < 0)
		return r;
	if (t->at + (int64_t)len > body_max(t))
		return too_large(t);
	if (get->fd >= 0)
		r = fd_write_at(get->fd, data, len, t->at);
	else
		buf_add(get->body, data, len);
	if (r >= 0 && get->on_data)
		r = get->on_data(get->on_data_arg, data, len);
	if (r < 0)
		return err_sys(t->err, r, "cannot keep the %s", get->kind);
	t->at += (int64_t)len;
	return 0;
}

static int take(struct transfer *t, const char *data, size_t len)
{
	ssize_t n = 0;
	int r = t->accepted ? 0 : accept_body(t);

	if (r >= 0 && status_of(t) == 206 && t->at < t->from)
		n = compare(t, data, len);
	if (r < 0 || n < 0)
		return r < 0 ? r : (int)n;
	return (size_t)n == len ? 0 : keep(t, data + n, len - (size_t)n);
}

/* The library is content. Is the body whole? */
static int finish_body(struct transfer *t)
{
	const struct http_range *range = &t->header.range;
	int r = t->accepted ? 0 : accept_body(t);

	if (r >= 0 && status_of(t) == 206 && t->at < t->from)
		r = wrong_range(t, "the answer is too short");
	if (r >= 0 && !t->begun)
		r = begin_body(t);
	if (r < 0 || status_of(t) != 206 || t->at == range->total)
		return r;
	t->again = AGAIN_LATER;
	return err_set(t->err, -EPROTO, "the answer ends before its end");
}

/* --- callbacks ------------------------------------------------------------------ */

static size_t on_header(char *line, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;

	if (http_header_line(&t->header, line, size * n) == 0)
		return size * n;
	t->failed = limit_refuse(t->err, &limits()->header_bytes, "the answer's header is larger than");
	return 0;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	size_t len = size * n;

	if (is_body(status_of(t))) {
		t->failed = take(t, data, len);
		return t->failed ? 0 : len;
	}
	/* A page for people about what is wrong. Not that much of it that it would be worth waiting for. */
	t->other_bytes += (int64_t)len;
	return t->other_bytes > OTHER_BODY_MAX ? 0 : len;
}

static int on_progress(void *arg, curl_off_t total, curl_off_t done, curl_off_t up_total, curl_off_t up)
{
	struct transfer *t = arg;
	const struct http_config *config = &t->http->config;

	if (t->failed || !t->begun || !t->get->progress || !config->progress)
		return t->failed < 0;
	total = announced(t);
	t->failed = config->progress(config->arg, t->at, total > 0 ? total : 0);
	if (t->failed < 0)
		err_sys(t->err, t->failed, "cannot tell how far the %s is", t->get->kind);
	return t->failed < 0;
}

/* --- the request ------------------------------------------------------------------ */

/*
 * The library takes http_proxy but not HTTP_PROXY (which a CGI script's client
 * could set); here both count, as they did for rkt always.
 */
static void set_proxy(CURL *curl, const char *url)
{
	const char *proxy = getenv("http_proxy");

	if (!proxy)
		proxy = getenv("HTTP_PROXY");
	if (http_url_is_loopback(url))
		curl_easy_setopt(curl, CURLOPT_PROXY, "");
	else if (http_url_is_http(url) && proxy)
		curl_easy_setopt(curl, CURLOPT_PROXY, proxy);
}

static void set_tls(CURL *curl, bool skip)
{
	const char *file = getenv("SSL_CERT_FILE"), *dir = getenv("SSL_CERT_DIR");

	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, skip ? 0L : 1L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, skip ? 0L : 2L);
	curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	if (file && *file)
		curl_easy_setopt(curl, CURLOPT_CAINFO, file);
	if (dir && *dir)
		curl_easy_setopt(curl, CURLOPT_CAPATH, dir);
}

static void set_up(struct transfer *t)
{
	CURL *curl = t->http->curl;
	const struct http_config *config = &t->http->config;

	curl_easy_reset(curl);	/* keeps connections */
	curl_easy_setopt(curl, CURLOPT_URL, t->url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "rkt/" RKT_VERSION);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, t->lines);
	curl_easy_setopt(curl, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE);	/* a proxy gets none of them */
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)limits()->connect_seconds);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, (long)SPEED_MIN);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)limits()->stall_seconds);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)t->get->seconds_max);
	curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 256L << 10);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, t->words);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(curl, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, t);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, t);
	if (t->get->form)
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, t->get->form);
	set_proxy(curl, t->url);
	set_tls(curl, config->skip_tls);
}

/* A line of our header. Some of what goes into it is a server's word: it stays one line. */
static int add_line(struct transfer *t, const char *line, struct err *err)
{
	struct curl_slist *more;

	for (const char *p = line; *p; p++)
		if ((unsigned char)*p < ' ')
			return err_set(err, -EINVAL, "a line of the request has a control character");
	more = curl_slist_append(t->lines, line);
	if (!more)
		mem_oom();
	t->lines = more;
	return 0;
}

static int add_field(struct transfer *t, const char *name, const char *value, struct err *err)
{
	AUTO(free) char *line = value ? xasprintf("%s: %s", name, value) : NULL;

	return line ? add_line(t, line, err) : 0;
}

/* What this server, and none before or after it in a chain of redirects, may know. */
static int add_credentials(struct transfer *t, struct err *err)
{
	const struct http_config *config = &t->http->config;
	AUTO(strv_free) char **lines = NULL;
	int r;

	if (t->get->authorization && http_url_same_origin(t->get->url, t->url))
		return add_field(t, "Authorization", t->get->authorization, err);
	r = authorize(config->credentials, config->n_credentials, t->url, time(NULL), &lines, err);
	for (char **line = lines; r >= 0 && line && *line; line++)
		r = add_line(t, *line, err);
	return r;
}

static int add_lines(struct transfer *t, struct err *err)
{
	AUTO(free) char *range = t->from ? xasprintf("bytes=%lld-", (long long)t->from - HTTP_OVERLAP) : NULL;
	const struct { const char *name, *value; } fields[] = {
		{ "Accept", t->get->accept },
		{ "If-None-Match", t->get->if_none_match },
		{ "If-Modified-Since", t->get->if_modified_since },
		{ "Range", range },
		{ "If-Range", range ? t->if_range : NULL },
	};
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ARRAY_LEN(fields); i++)
		r = add_field(t, fields[i].name, fields[i].value, err);
	return r < 0 ? r : add_credentials(t, err);
}

/* How the library's failures count. The words are the library's where there are none here. */
static const struct { CURLcode code; int r; enum again again; const char *words; } failures[] = {
	{ CURLE_COULDNT_RESOLVE_HOST, -EHOSTUNREACH, AGAIN_REACHED, NULL },
	{ CURLE_COULDNT_RESOLVE_PROXY, -EHOSTUNREACH, AGAIN_REACHED, NULL },
	{ CURLE_COULDNT_CONNECT, -ECONNREFUSED, AGAIN_REACHED, NULL },
	{ CURLE_SSL_CONNECT_ERROR, -EPROTO, AGAIN_REACHED, NULL },
	{ CURLE_PEER_FAILED_VERIFICATION, -EKEYREJECTED, AGAIN_NEVER, NULL },
	{ CURLE_SSL_CACERT_BADFILE, -EINVAL, AGAIN_NEVER,
	  "cannot read the certificates to trust (everybody must be allowed to read the file that SSL_CERT_FILE names)" },
	{ CURLE_PARTIAL_FILE, -EPROTO, AGAIN_LATER, "the answer ends before its end" },
	{ CURLE_GOT_NOTHING, -EPROTO, AGAIN_LATER, NULL },
	{ CURLE_RECV_ERROR, -EPROTO, AGAIN_LATER, NULL },
	{ CURLE_SEND_ERROR, -EPROTO, AGAIN_LATER, NULL },
	{ CURLE_HTTP2, -EPROTO, AGAIN_LATER, NULL },
	{ CURLE_HTTP2_STREAM, -EPROTO, AGAIN_LATER, NULL },
	{ CURLE_FILESIZE_EXCEEDED, -E2BIG, AGAIN_NEVER, NULL },
	{ CURLE_UNSUPPORTED_PROTOCOL, -EPROTO, AGAIN_NEVER, "only http and https are supported" },
};

static bool connected(const struct transfer *t)
{
	curl_off_t us = 0;

	curl_easy_getinfo(t->http->curl, CURLINFO_PRETRANSFER_TIME_T, &us);
	return us > 0;
}

/* Which of the limits the library held the request against, as far as it can be told. */
static const char *time_limit(const struct transfer *t)
{
	curl_off_t us = 0;

	curl_easy_getinfo(t->http->curl, CURLINFO_TOTAL_TIME_T, &us);
	if (t->get->seconds_max && us >= (curl_off_t)t->get->seconds_max * 1000000)
		return "document-seconds";
	return connected(t) ? "stall-seconds" : "connect-seconds";
}

static int library_failure(struct transfer *t, CURLcode code, struct err *err)
{
	const char *words = *t->words ? t->words : curl_easy_strerror(code);

	/* Also what the library says of a single header line that it cannot hold. */
	if (code == CURLE_OUT_OF_MEMORY && !t->begun)
		return limit_refuse(err, &limits()->header_bytes, "the answer's header is larger than");
	if (code == CURLE_OPERATION_TIMEDOUT) {
		t->again = connected(t) ? AGAIN_LATER : AGAIN_REACHED;
		return err_set(err, -ETIMEDOUT, "the server is too slow or silent (%s; see %s in limits.d)", words,
			       time_limit(t));
	}
	if (code == CURLE_SSL_CONNECT_ERROR && strstr(words, "wrong version number")) {
		t->again = AGAIN_REACHED;
		return err_set(err, -EPROTO, "the server does not speak https (see --insecure-options=http)");
	}
	for (size_t i = 0; i < ARRAY_LEN(failures); i++)
		if (failures[i].code == code) {
			t->again = failures[i].again;
			return err_set(err, failures[i].r, "%s", failures[i].words ? failures[i].words : words);
		}
	return err_set(err, -EPROTO, "%s", words);
}

static int ask(struct transfer *t, struct err *err)
{
	CURLcode code;

	set_up(t);
	code = curl_easy_perform(t->http->curl);
	if (t->failed)
		return t->failed;
	if (code != CURLE_OK && t->other_bytes <= OTHER_BODY_MAX)
		return library_failure(t, code, err);
	return is_body(status_of(t)) ? finish_body(t) : 0;
}

int transfer_run(struct transfer *t, struct err *err)
{
	int r;

	t->header = HTTP_HEADER_NONE;
	t->err = err;
	if (!http_url_is_secure(t->url) && !http_url_is_http(t->url))
		return err_set(err, -EPROTO, "only http and https are supported");
	r = add_lines(t, err);
	if (r >= 0)
		r = ask(t, err);
	curl_slist_free_all(t->lines);
	t->lines = NULL;
	t->header.answer.status = (int)status_of(t);
	return r < 0 ? r : t->header.answer.status;
}
