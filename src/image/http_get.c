#include "image/http.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "base/fd.h"
#include "base/human.h"
#include "base/mem.h"
#include "image/http_transfer.h"
#include "spec/limits.h"

enum {
	WAIT_MS = 500,
	WAIT_MAX_SECONDS = 30,		/* nor longer than silence is borne */
	PATIENCE_STALLS = 4,		/* no try begins so many times stall-seconds after the last one that brought news */
	NEWS_BYTES = 1 << 20,		/* less is nothing new: a server might send a byte with each answer */
};

static bool library_is_up;

static void start_library(void) { library_is_up = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK; }

int http_new(const struct http_config *config, struct http **ret, struct err *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct http *h;

	if (pthread_once(&once, start_library) != 0 || !library_is_up)
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
	free(h);
}

/* --- one try ------------------------------------------------------------------ */

struct job {
	struct http *http;
	const struct http_get *get;
	char *url;			/* asked last … */
	struct http_header header;	/* … and what was answered */
	size_t body_start;
	int64_t held;			/* so much of the body is there … */
	char *version;			/* … of this one; NULL: it has no name */
	bool whole;			/* ranges are not asked for any more */
	bool reached;			/* the server has answered once */
	int fruitless;			/* tries that brought nothing new since */
	int64_t best, best_at;		/* most that was ever held, and when that was noted (ms) */
};

static void job_clear(struct job *j)
{
	free(j->url);
	free(j->version);
	http_header_clear(&j->header);
}
static inline void job_clear_auto(struct job *j) { job_clear(j); }

/* For messages: what we asked for in full, what a server made of it without its secrets. */
static char *shown_url(const struct job *j)
{
	return str_eq(j->url, j->get->url) ? xstrdup(j->url) : http_url_shown(j->url);
}

static bool can_go_on(const struct job *j)
{
	return j->get->fd >= 0 && j->held > HTTP_OVERLAP && !j->whole && (j->get->fixed || j->version);
}

static int ask(struct job *j, enum again *ret_again, struct err *err)
{
	struct transfer t = { .http = j->http, .get = j->get, .url = j->url, .body_start = j->body_start };
	int r;

	if (can_go_on(j)) {
		t.from = j->held;
		t.if_range = j->get->fixed ? NULL : j->version;
	}
	r = transfer_run(&t, err);
	*ret_again = t.again;
	http_header_clear(&j->header);
	j->header = t.header;
	j->reached |= t.header.bytes > 0;
	if (t.begun)
		j->held = t.at;
	/* An answer that goes on (206) is of the version that we asked for, also if it does not say so. */
	if (t.begun && t.header.answer.status == 200) {
		free(j->version);
		j->version = xstrdup(t.header.answer.version);
	}
	return r;
}

static int refused(const struct job *j, int status, enum again *ret_again, struct err *err)
{
	int64_t after = j->header.retry_after;

	*ret_again = AGAIN_LATER;
	if (after > 0)
		return err_set(err, -EAGAIN, "bad HTTP status code: %d, to be asked again in %lld seconds", status,
			       (long long)after);
	return err_set(err, -EAGAIN, "bad HTTP status code: %d", status);
}

static int judge_status(const struct job *j, int status, enum again *ret_again, struct err *err)
{
	const struct http_get *get = j->get;

	switch (status) {
	case 200: case 206:
		return 0;
	case 202:
		if (get->accept_202)
			return 202;
		break;
	case 304:
		if (get->if_none_match || get->if_modified_since)
			return 304;
		return err_set(err, -EPROTO, "bad HTTP status code: 304, without having been asked");
	case 401: case 403:
		return err_set(err, -EACCES, "bad HTTP status code: %d", status);
	case 404: case 410:
		return err_set(err, -ERR_NOT_FOUND, "bad HTTP status code: %d", status);
	case 408: case 429: case 500: case 502: case 503: case 504:
		return refused(j, status, ret_again, err);
	case 416:
		*ret_again = can_go_on(j) ? AGAIN_WHOLE : AGAIN_NEVER;
		break;
	}
	return err_set(err, -EPROTO, "bad HTTP status code: %d", status);
}

/* From the first URL on, as what it redirects to may be good for one time only. */
static int try_once(struct job *j, enum again *ret_again, struct err *err)
{
	char *next;
	int r;

	free(j->url);
	j->url = xstrdup(j->get->url);
	for (int hops = 0;; hops++) {
		r = ask(j, ret_again, err);
		if (r < 0)
			return r;
		next = NULL;
		curl_easy_getinfo(j->http->curl, CURLINFO_REDIRECT_URL, &next);
		if (r < 300 || r > 308 || r == 304 || !next ||
		    (j->get->own_only && !http_url_same_origin(j->url, next)))
			return judge_status(j, r, ret_again, err);
		if (hops == limits()->redirects)
			return limit_refuse(err, &limits()->redirects, "more redirects than");
		if (j->get->form)
			return err_set(err, -EPROTO, "redirect of what was posted");
		r = http_redirect_check(j->url, next, j->http->config.allow_downgrade, err);
		if (r < 0)
			return r;
		free(j->url);
		j->url = xstrdup(next);
	}
}

/* --- further tries --------------------------------------------------------------- */

static void sleep_ms(int64_t ms)
{
	struct timespec left = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR)
		;
}

/* Between half and all of what doubles each time, so that many clients don't come back at once. -1: too long. */
static int64_t wait_before(const struct job *j)
{
	const struct http_config *config = &j->http->config;
	int64_t most = limits()->stall_seconds, wait = config->wait_ms > 0 ? config->wait_ms : WAIT_MS;
	uint32_t dice;

	most = (most < WAIT_MAX_SECONDS ? most : WAIT_MAX_SECONDS) * 1000;
	if (j->header.retry_after * 1000 > most)
		return -1;
	for (int i = 1; i < j->fruitless && wait < most; i++)
		wait *= 2;
	wait = wait < most ? wait : most;
	random_bytes(&dice, sizeof(dice));
	wait -= wait / 2 * (dice % 1000) / 1000;
	return wait > j->header.retry_after * 1000 ? wait : j->header.retry_after * 1000;
}

/* Counts a try that failed. Returns how long to wait before the next one, in ms; -1: there shall be none. */
static int64_t patience(struct job *j)
{
	if (j->held >= j->best + NEWS_BYTES) {
		j->best = j->held;
		j->best_at = clock_ms();
		j->fruitless = 0;
	}
	j->fruitless++;
	if (j->fruitless >= j->get->tries || clock_ms() - j->best_at > limits()->stall_seconds * PATIENCE_STALLS * 1000)
		return -1;
	return wait_before(j);
}

static bool try_again(struct job *j, enum again again, struct err *err)
{
	AUTO(free) char *url = shown_url(j);
	const struct http_config *config = &j->http->config;
	AUTO(free) char *why = err ? err_text(err) : NULL;
	AUTO(free) char *words = NULL;
	int64_t wait = 0;

	if (again == AGAIN_NEVER || (again == AGAIN_REACHED && !j->reached))
		return false;
	if (again == AGAIN_WHOLE)
		j->whole = true;
	else
		wait = patience(j);
	if (wait < 0)
		return false;
	words = xasprintf("%s: %s, trying again in %lld ms", url, why ? why : "failed", (long long)wait);
	if (config->tell)
		config->tell(config->arg, words);
	if (err)
		err_clear(err);
	sleep_ms(wait);
	return true;
}

static void give_answer(struct job *j)
{
	struct http_answer *answer = j->get->answer;

	if (!answer)
		return;
	http_answer_clear(answer);
	*answer = j->header.answer;
	j->header.answer = (struct http_answer){};
	answer->url = xstrdup(j->url);
}

int http_get(struct http *h, const struct http_get *get, char **ret_url, struct err *err)
{
	AUTO(job_clear) struct job j = {
		.http = h, .get = get, .header = HTTP_HEADER_NONE, .body_start = get->body ? get->body->len : 0,
		.held = get->from, .version = xstrdup(get->if_range), .best = get->from, .best_at = clock_ms(),
	};
	AUTO(free) char *shown = NULL;
	enum again again = AGAIN_NEVER;
	int r;

	do {
		r = try_once(&j, &again, err);
	} while (r < 0 && try_again(&j, again, err));
	give_answer(&j);
	if (r < 0 && j.fruitless > 1)
		r = err_wrap(err, r, "after %d tries", j.fruitless);
	shown = shown_url(&j);
	if (r < 0)
		return err_wrap(err, r, "cannot get %s", shown);
	if (ret_url)
		*ret_url = TAKE(j.url);
	return r;
}
