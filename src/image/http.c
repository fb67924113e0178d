#include "image/http.h"

#include <curl/curl.h>
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"
#include "config.h"
#include "image/authorize.h"

enum { CONNECT_SECONDS = 20, SPEED_MIN = 100, OTHER_BODY_MAX = 64 << 10 };

/* What a server may send without saying how much it will be: it could go on until the disk is full. */
#define UNSAID_BODY_MAX ((int64_t)4 << 30)

struct http {
	struct http_config config;
	CURL *curl;
};

/* One request of a chain of redirects. */
struct transfer {
	struct http *http;
	const struct http_get *get;
	size_t header_bytes;
	int64_t body_bytes;
	bool has_length, chunked;
	struct curl_slist *headers;
	char *encoding;		/* Content-Encoding other than identity */
	int failed;		/* why a callback stopped it; 0: it did not */
	char words[CURL_ERROR_SIZE];
};

int http_new(const struct http_config *config, struct http **ret, struct err *err)
{
	struct http *h;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_set(err, -ENOMEM, "cannot start the HTTP library");
	h = xcalloc(1, sizeof(*h));
	h->config = *config;
	h->curl = curl_easy_init();
	if (!h->curl) {
		free(h);
		return err_set(err, -ENOMEM, "cannot start the HTTP library");
	}
	*ret = h;
	return 0;
}

void http_free(struct http *h)
{
	if (!h)
		return;
	curl_easy_cleanup(h->curl);
	curl_global_cleanup();
	free(h);
}

bool http_url_is_secure(const char *url) { return strncasecmp(url, "https://", 8) == 0; }
bool http_url_is_http(const char *url) { return strncasecmp(url, "http://", 7) == 0; }

bool http_url_is_loopback(const char *url)
{
	CURLU *u = curl_url();
	char *host = NULL;
	bool own = false;

	if (u && curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
	    curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK)
		own = strcasecmp(host, "localhost") == 0 || str_eq(host, "[::1]") ||
		      (str_starts(host, "127.") && strspn(host, "0123456789.") == strlen(host));
	curl_free(host);
	curl_url_cleanup(u);
	return own;
}

int http_redirect_check(const char *from, const char *to, bool allow_downgrade, struct err *err)
{
	if (http_url_is_secure(to))
		return 0;
	if (!http_url_is_http(to))
		return err_set(err, -EPROTO, "redirect to '%s', which is neither http nor https", to);
	if (http_url_is_secure(from) && !allow_downgrade)
		return err_set(err, -EPROTO, "redirect to insecure http: '%s'", to);
	return 0;
}

/* --- callbacks ------------------------------------------------------------- */

static long status_of(const struct transfer *t)
{
	long status = 0;

	curl_easy_getinfo(t->http->curl, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

/* The value of a header line if it is of that name. Not NUL-terminated by itself. */
static char *header_value(const char *line, size_t len, const char *name)
{
	size_t n = strlen(name);

	if (len <= n || strncasecmp(line, name, n) != 0 || line[n] != ':')
		return NULL;
	for (n++; n < len && (line[n] == ' ' || line[n] == '\t');)
		n++;
	while (len > n && strchr(" \t\r\n", line[len - 1]))
		len--;
	return xstrndup(line + n, len - n);
}

static size_t on_header(char *line, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	AUTO(free) char *length = header_value(line, size * n, "Content-Length");
	AUTO(free) char *transfer = header_value(line, size * n, "Transfer-Encoding");
	char *encoding = header_value(line, size * n, "Content-Encoding");

	t->header_bytes += size * n;
	t->has_length |= length != NULL;
	t->chunked |= transfer && strcasecmp(transfer, "chunked") == 0;
	if (encoding && *encoding && strcasecmp(encoding, "identity") != 0) {
		free(t->encoding);
		t->encoding = TAKE(encoding);
	}
	free(encoding);
	if (t->header_bytes <= HTTP_HEADER_MAX)
		return size * n;
	t->failed = -E2BIG;
	return 0;
}

/* Does the answer promise a body that we can take? Asked at its first byte. */
static int body_check(struct transfer *t)
{
	long version = 0;

	curl_easy_getinfo(t->http->curl, CURLINFO_HTTP_VERSION, &version);
	if (t->encoding)
		return -EPROTONOSUPPORT;
	/* HTTP/2 frames say where a body ends. */
	if (t->get->need_length && !t->has_length && !t->chunked && version < CURL_HTTP_VERSION_2_0)
		return -ENODATA;
	return 0;
}

/* How much of this answer's body we take. */
static int64_t body_max(const struct transfer *t)
{
	if (status_of(t) != 200)
		return OTHER_BODY_MAX;
	return t->has_length || t->get->max < UNSAID_BODY_MAX ? t->get->max : UNSAID_BODY_MAX;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	bool wanted = status_of(t) == 200;
	size_t len = size * n;

	if (wanted && !t->body_bytes)
		t->failed = body_check(t);
	t->body_bytes += (int64_t)len;
	if (!t->failed && t->body_bytes > body_max(t))
		t->failed = -EFBIG;
	if (!t->failed && wanted && t->get->fd >= 0)
		t->failed = fd_write_all(t->get->fd, data, len);
	else if (!t->failed && wanted)
		buf_add(t->get->body, data, len);
	return t->failed ? 0 : len;
}

static int on_progress(void *arg, curl_off_t total, curl_off_t done, curl_off_t up_total, curl_off_t up)
{
	struct transfer *t = arg;

	if (!t->failed && t->get->progress && t->http->config.progress && done > 0 && status_of(t) == 200)
		t->failed = t->http->config.progress(t->http->config.arg, done, total);
	return t->failed < 0;
}

/* --- one request ------------------------------------------------------------ */

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

static void set_up(struct transfer *t, const char *url)
{
	CURL *curl = t->http->curl;
	const struct http_config *config = &t->http->config;
	long stall = config->stall_seconds > 0 ? (long)config->stall_seconds : HTTP_STALL_SECONDS;

	curl_easy_reset(curl);	/* keeps connections */
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "rkt/" RKT_VERSION);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, t->headers);
	curl_easy_setopt(curl, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE);	/* a proxy gets none of them */
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, (long)SPEED_MIN);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, stall);
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
	set_proxy(curl, url);
	set_tls(curl, config->skip_tls);
}

/* What this server, and none before or after it in a chain of redirects, may know. */
static int set_credentials(struct transfer *t, const char *url, struct err *err)
{
	const struct http_config *config = &t->http->config;
	AUTO(strv_free) char **lines = NULL;
	int r = authorize(config->credentials, config->n_credentials, url, time(NULL), &lines, err);

	for (char **line = lines; r >= 0 && line && *line; line++) {
		struct curl_slist *more = curl_slist_append(t->headers, *line);

		if (!more)
			mem_oom();
		t->headers = more;
	}
	return r;
}

/* What a callback found wrong. */
static int callback_failure(const struct transfer *t, struct err *err)
{
	switch (t->failed) {
	case -E2BIG:
		return err_set(err, -E2BIG, "the answer's header is larger than %d bytes", HTTP_HEADER_MAX);
	case -EFBIG:
		return err_set(err, -E2BIG, "the %s is larger than %lld bytes", t->get->kind,
			       (long long)body_max(t));
	case -EPROTONOSUPPORT:
		return err_set(err, -EPROTO, "unexpected content encoding '%s'", t->encoding);
	case -ENODATA:
		return err_set(err, -EPROTO, "the server does not say how long the %s is", t->get->kind);
	default:
		return err_sys(err, t->failed, "cannot keep the %s", t->get->kind);
	}
}

static const struct { CURLcode code; int r; const char *words; } failures[] = {
	{ CURLE_COULDNT_RESOLVE_HOST, -EHOSTUNREACH, NULL },
	{ CURLE_COULDNT_RESOLVE_PROXY, -EHOSTUNREACH, NULL },
	{ CURLE_COULDNT_CONNECT, -ECONNREFUSED, NULL },
	{ CURLE_PARTIAL_FILE, -EPROTO, "the answer ends before its end" },
	{ CURLE_FILESIZE_EXCEEDED, -E2BIG, NULL },
	{ CURLE_UNSUPPORTED_PROTOCOL, -EPROTO, "only http and https are supported" },
};

static int library_failure(const struct transfer *t, CURLcode code, struct err *err)
{
	const char *words = *t->words ? t->words : curl_easy_strerror(code);

	/* Also what the library says of a single header line that it cannot hold. */
	if (code == CURLE_OUT_OF_MEMORY && !t->body_bytes)
		return err_set(err, -E2BIG, "the answer's header is larger than %d bytes", HTTP_HEADER_MAX);
	if (code == CURLE_OPERATION_TIMEDOUT)
		return err_set(err, -ETIMEDOUT, "the server is too slow or silent (%s)", words);
	for (size_t i = 0; i < ARRAY_LEN(failures); i++)
		if (failures[i].code == code)
			return err_set(err, failures[i].r, "%s", failures[i].words ? failures[i].words : words);
	return err_set(err, -EPROTO, "%s", words);
}

/* Asks one URL. Returns the status, or how it failed. */
static int ask(struct http *h, const struct http_get *get, const char *url, struct err *err)
{
	struct transfer t = { .http = h, .get = get };
	CURLcode code;
	int r;

	if (!http_url_is_secure(url) && !http_url_is_http(url))
		return err_set(err, -EPROTO, "only http and https are supported");
	r = set_credentials(&t, url, err);
	if (r < 0)
		return r;
	set_up(&t, url);
	code = curl_easy_perform(h->curl);
	if (t.failed)
		r = callback_failure(&t, err);
	else if (code != CURLE_OK)
		r = library_failure(&t, code, err);
	else
		r = (int)status_of(&t);
	curl_slist_free_all(t.headers);
	free(t.encoding);
	return r;
}

static int judge_status(const struct http_get *get, int status, struct err *err)
{
	if (status == 200)
		return 0;
	if (status == 202 && get->accept_202)
		return 202;
	if (status == 304)
		return err_set(err, -EPROTO, "bad HTTP status code: 304, without having been asked");
	return err_set(err, status == 404 || status == 410 ? -ERR_NOT_FOUND : -EPROTO, "bad HTTP status code: %d",
		       status);
}

int http_get(struct http *h, const struct http_get *get, char **ret_url, struct err *err)
{
	AUTO(free) char *url = xstrdup(get->url);
	char *next;
	int r;

	for (int hops = 0;; hops++) {
		r = ask(h, get, url, err);
		if (r < 0)
			break;
		next = NULL;
		curl_easy_getinfo(h->curl, CURLINFO_REDIRECT_URL, &next);
		if (r < 300 || r > 308 || r == 304 || !next) {
			r = judge_status(get, r, err);
			break;
		}
		if (hops == HTTP_REDIRECTS_MAX) {
			r = err_set(err, -EPROTO, "too many redirects");
			break;
		}
		r = http_redirect_check(url, next, h->config.allow_downgrade, err);
		if (r < 0)
			break;
		free(url);
		url = xstrdup(next);
	}
	if (r < 0)
		return err_wrap(err, r, "cannot get %s", url);
	if (ret_url)
		*ret_url = TAKE(url);
	return r;
}
