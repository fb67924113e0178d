#include "image/session.h"

#include "base/human.h"

enum { PROGRESS_MS = 100 };

static int tell_progress(void *arg, int64_t done, int64_t total)
{
	struct session *s = arg;
	AUTO(free) char *label = NULL;
	struct wire_reply reply = { .kind = (char[]){ "progress" }, .done = done, .total = total };

	if (done == s->told_done || (done != total && clock_ms() - s->told_at < PROGRESS_MS))
		return 0;
	s->told_at = clock_ms();
	s->told_done = done;
	reply.label = label = xstrdup(s->label);
	return talk_reply(s->talk, &reply);
}

static void tell_words(void *arg, const char *words)
{
	struct session *s = arg;

	talk_say(s->talk, "%s", words);
}

int session_get(struct session *s, const struct http_get *get, struct err *err)
{
	const struct wire_request *q = &s->request;
	struct http_config config = {
		.skip_tls = q->skip_tls,
		.allow_downgrade = str_eq(q->action, "keys") ? q->pubkey_http : q->allow_http,
		.credentials = q->credentials, .n_credentials = q->n_credentials,
		.progress = tell_progress, .tell = tell_words, .arg = s,
	};
	int r;

	if (!s->http) {
		r = http_new(&config, &s->http, err);
		if (r < 0)
			return r;
	}
	return http_get(s->http, get, NULL, err);
}

void session_clear(struct session *s)
{
	http_free(s->http);
	talk_free(s->talk);
	wire_request_clear(&s->request);
}
