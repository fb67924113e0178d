#include "image/endpoint.h"

#include <assert.h>
#include <pthread.h>
#include <string.h>

#include "image/token.h"

enum { TRIES = 5, IDLE_MAX = 8 };

struct endpoint {
	const struct wire_request *request;
	struct talk *talk;
	char *domain;		/* host[:port] */
	char *repository;	/* with a mirror's prefix before it */
	char *scope;		/* what we want to do, as tokens name it */
	const struct wire_credential *credential;	/* NULL: none is configured */
	bool https, http;	/* which of them may be tried */
	bool is_loopback;

	pthread_mutex_t lock;		/* of what follows */
	bool reached, plain;		/* it has answered once, and by plain http */
	bool silent;			/* it was asked, and has never answered */
	char *authorization;		/* what it wants to see; NULL: nothing yet */
	unsigned generation;		/* how often that was made anew */
	struct http *idle[IDLE_MAX];	/* with their connections */
	size_t n_idle;

	pthread_mutex_t login_lock;	/* one thread is enough */
};

/* --- which server ----------------------------------------------------------------- */

static const struct wire_credential *find_credential(const struct wire_request *q, const char *domain)
{
	for (size_t i = 0; i < q->n_credentials; i++)
		if (str_eq(q->credentials[i].domain, domain))
			return &q->credentials[i];
	return NULL;
}

/* host[:port][/prefix] */
static bool read_base(struct endpoint *e, const char *base, const char *repository)
{
	size_t n = strcspn(base, "/"), start, end = strlen(base);

	e->domain = xstrndup(base, n);
	start = n + strspn(base + n, "/");
	while (end > start && base[end - 1] == '/')
		end--;
	e->repository = xasprintf("%.*s%s%s", (int)(end - start), base + start, end > start ? "/" : "", repository);
	return n && !strpbrk(base, "?#@ \t\\%");
}

int endpoint_new(const struct endpoint_config *config, struct endpoint **ret, struct err *err)
{
	AUTO(endpoint_free) struct endpoint *e = xcalloc(1, sizeof(*e));
	AUTO(free) char *url = NULL;
	const char *rest = strstr(config->base, "://");
	bool is_url = rest != NULL;

	e->request = config->request;
	e->talk = config->talk;
	pthread_mutex_init(&e->lock, NULL);
	pthread_mutex_init(&e->login_lock, NULL);
	if (!read_base(e, is_url ? rest + 3 : config->base, config->repository) ||
	    (is_url && !http_url_is_secure(config->base) && !http_url_is_http(config->base)))
		return err_set(err, -ERR_BAD_INPUT, "'%s' is no address of a registry", config->base);
	url = xasprintf("https://%s/", e->domain);
	e->is_loopback = http_url_is_loopback(url);
	e->https = !http_url_is_http(config->base);
	e->http = (e->is_loopback || e->request->allow_http) && !(is_url && e->https);
	if (!e->https && !e->http)
		return err_set(err, -EPROTO, "'%s' is plain http (try --insecure-options=http)", config->base);
	e->scope = xasprintf("repository:%s:pull", e->repository);
	e->credential = find_credential(e->request, e->domain);
	*ret = TAKE(e);
	return 0;
}

void endpoint_free(struct endpoint *e)
{
	if (!e)
		return;
	while (e->n_idle)
		http_free(e->idle[--e->n_idle]);
	pthread_mutex_destroy(&e->login_lock);
	pthread_mutex_destroy(&e->lock);
	free(e->authorization);
	free(e->scope);
	free(e->repository);
	free(e->domain);
	free(e);
}

const char *endpoint_name(const struct endpoint *e) { return e->domain; }

char *endpoint_url(const struct endpoint *e, bool plain, const char *path)
{
	return xasprintf("%s://%s/v2/%s/%s", plain ? "http" : "https", e->domain, e->repository, path);
}

char *endpoint_path(const struct endpoint *e, const char *url)
{
	AUTO(free) char *own = endpoint_url(e, !http_url_is_secure(url), "");

	return str_starts(url, own) ? xstrdup(url + strlen(own)) : NULL;
}

/* --- connections -------------------------------------------------------------------- */

static void tell(void *arg, const char *words) { talk_say(arg, "%s", words); }

/* No credentials are among what it knows: which of them a server may see is decided here alone. */
static int take_http(struct endpoint *e, struct http **ret, struct err *err)
{
	struct http_config config = {
		.skip_tls = e->request->skip_tls, .allow_downgrade = e->request->allow_http, .tell = tell,
		.arg = e->talk,
	};

	*ret = NULL;
	pthread_mutex_lock(&e->lock);
	if (e->n_idle)
		*ret = e->idle[--e->n_idle];
	pthread_mutex_unlock(&e->lock);
	return *ret ? 0 : http_new(&config, ret, err);
}

static void give_http(struct endpoint *e, struct http *h)
{
	pthread_mutex_lock(&e->lock);
	if (e->n_idle < IDLE_MAX)
		e->idle[e->n_idle++] = TAKE(h);
	pthread_mutex_unlock(&e->lock);
	http_free(h);
}

/* --- who we are ----------------------------------------------------------------------- */

/* May something secret be sent there? */
static bool is_private(const struct endpoint *e, const char *url)
{
	return http_url_is_secure(url) || e->request->allow_http;
}

static bool is_bearer(const struct wire_credential *c)
{
	return c && c->authorization && strncasecmp(c->authorization, "Bearer ", 7) == 0;
}

/* By plain http only where the registry, asked the same way, is this machine too. */
static int check_token_url(const struct endpoint *e, const char *asked, const char *url, struct err *err)
{
	if (is_private(e, url) || (e->is_loopback && http_url_is_http(asked) && http_url_is_loopback(url)))
		return 0;
	return err_set(err, -EPROTO, "it wants a token to be asked for over insecure http: '%s'", url);
}

static int bearer(struct endpoint *e, struct http *h, const char *asked, const struct challenge *c, char **ret,
		  struct err *err)
{
	AUTO(free) char *url = NULL;
	struct token_request request = { .challenge = c, .scope = e->scope };
	int r = challenge_url(c, e->scope, &url, err);

	if (r >= 0)
		r = check_token_url(e, asked, url, err);
	if (r < 0)
		return r;
	/* Who answers plain http could send them anywhere. */
	if (is_private(e, asked) && is_private(e, url))
		request.credential = e->credential;
	request.url = url;
	talk_say(e->talk, "asking for a token for '%s' %s", e->domain,
		 request.credential ? "with credentials" : "without credentials");
	r = token_get(h, &request, ret, err);
	if (r == -EACCES && request.credential)
		return err_wrap(err, r, "the credentials for '%s' are refused", e->domain);
	return r < 0 ? err_wrap(err, r, "cannot get a token for '%s'", e->domain) : 0;
}

/* What it is to see from now on. asked: the URL that it answered about. */
static int find_authorization(struct endpoint *e, struct http *h, const char *asked, const char *challenge,
			      char **ret, struct err *err)
{
	const struct wire_credential *credential = e->credential;
	const struct challenge *c;
	struct challenge *list = NULL;
	size_t n = 0;
	int r = challenge_parse(challenge ?: "", &list, &n, err);

	if (r < 0)
		return r;
	c = challenge_find(list, n, "bearer");
	if (c && !is_bearer(credential))
		r = bearer(e, h, asked, c, ret, err);
	else if (!credential || !credential->authorization)
		r = err_set(err, -EACCES, "it wants credentials, and there are none for '%s'", e->domain);
	else if (!is_private(e, asked))
		r = err_set(err, -EACCES, "the credentials for '%s' are not sent over plain http "
			    "(try --insecure-options=http)", e->domain);
	else
		*ret = xstrdup(credential->authorization);
	challenges_free(list, n);
	return r;
}

/* seen: the generation that the refused request was sent with. */
static int log_in(struct endpoint *e, struct http *h, const struct http_answer *answer, unsigned seen,
		  struct err *err)
{
	char *authorization = NULL;
	int r = 0;

	pthread_mutex_lock(&e->login_lock);
	if (e->generation == seen)	/* otherwise another thread has done it in the meantime */
		r = find_authorization(e, h, answer->url, answer->challenge, &authorization, err);
	if (r >= 0 && authorization) {
		pthread_mutex_lock(&e->lock);
		free(e->authorization);
		e->authorization = authorization;
		e->generation++;
		pthread_mutex_unlock(&e->lock);
	}
	pthread_mutex_unlock(&e->login_lock);
	return r;
}

/* --- asking ------------------------------------------------------------------------ */

/* Did it answer as a registry does, whatever it said? */
static bool is_spoken(int r) { return r >= 0 || r == -EACCES || r == -ERR_NOT_FOUND || r == -EAGAIN; }

static int ask_by(struct endpoint *e, struct http *h, bool plain, const char *path, struct http_get *get,
		  struct err *err)
{
	AUTO(free) char *url = endpoint_url(e, plain, path);
	int r;

	get->url = url;
	get->tries = TRIES;
	r = http_get(h, get, NULL, err);
	get->url = NULL;
	if (!is_spoken(r))
		return r;
	pthread_mutex_lock(&e->lock);
	e->reached = true;
	e->silent = false;
	e->plain = plain;
	pthread_mutex_unlock(&e->lock);
	return r;
}

static bool is_unreachable(int r) { return r == -ETIMEDOUT || r == -ECONNREFUSED || r == -EHOSTUNREACH; }

static void note_silence(struct endpoint *e)
{
	pthread_mutex_lock(&e->lock);
	e->silent = !e->reached;
	pthread_mutex_unlock(&e->lock);
}

bool endpoint_is_silent(struct endpoint *e)
{
	bool silent;

	pthread_mutex_lock(&e->lock);
	silent = e->silent;
	pthread_mutex_unlock(&e->lock);
	return silent;
}

/* Where it may be so, a server that does not speak https is asked by http. One with a bad certificate does speak it. */
static int ask(struct endpoint *e, struct http *h, const char *path, struct http_get *get, struct err *err)
{
	AUTO(err_clear) struct err why = {};
	bool plain, reached;
	int r, r_plain;

	pthread_mutex_lock(&e->lock);
	reached = e->reached;
	plain = reached ? e->plain : !e->https;
	pthread_mutex_unlock(&e->lock);
	r = ask_by(e, h, plain, path, get, err);
	if (plain || reached || !e->http || get->answer->status || r == -EKEYREJECTED)
		return r;
	r_plain = ask_by(e, h, true, path, get, &why);
	if (!is_spoken(r_plain))
		return r;
	if (err) {
		err_clear(err);
		*err = why;
		why = (struct err){};
	}
	return r_plain;
}

/* Is it this server's word, and not that of one that a redirect led to? */
static bool is_own_word(const struct endpoint *e, const char *path, const struct http_answer *answer)
{
	AUTO(free) char *asked = endpoint_url(e, !http_url_is_secure(answer->url), path);

	return str_eq(asked, answer->url);
}

static int refused(const struct endpoint *e, const struct http_answer *answer, bool own, struct err *err)
{
	AUTO(free) char *shown = http_url_shown(answer->url);

	if (!own)
		return err_set(err, -EACCES, "'%s', where a redirect led to, wants credentials", shown);
	if (e->credential)
		return err_set(err, -EACCES, "'%s' does not let us read '%s' with the credentials for it",
			       e->domain, e->repository);
	return err_set(err, -EACCES, "'%s' does not let us read '%s': there is none, or it needs credentials",
		       e->domain, e->repository);
}

static int get_with(struct endpoint *e, struct http *h, const char *path, struct http_get *get, const int64_t *held,
		    struct err *err)
{
	int64_t renewed_at = -1;	/* so much was held when they were renewed last; -1: they never were */

	for (;;) {
		AUTO(free) char *authorization = NULL;
		unsigned seen;
		bool own;
		int64_t now;
		int r;

		pthread_mutex_lock(&e->lock);
		authorization = xstrdup(e->authorization);
		seen = e->generation;
		pthread_mutex_unlock(&e->lock);
		get->authorization = authorization;
		get->from = held ? *held : get->from;
		r = ask(e, h, path, get, err);
		get->authorization = NULL;
		own = is_own_word(e, path, get->answer);
		if (own && is_unreachable(r) && !get->answer->status)
			note_silence(e);
		if (r != -EACCES)
			return r;
		/* A token may end more than once before a large layer does. One that brought nothing is not renewed. */
		now = held ? *held : 0;
		if (!own || now <= renewed_at || get->answer->status != 401)
			return refused(e, get->answer, own, err);
		renewed_at = now;
		r = log_in(e, h, get->answer, seen, err);
		if (r < 0)
			return r;
	}
}

int endpoint_get(struct endpoint *e, const char *path, struct http_get *get, const int64_t *held, struct err *err)
{
	struct http *h = NULL;
	int r = take_http(e, &h, err);

	assert(get->answer);
	if (r < 0)
		return r;
	r = get_with(e, h, path, get, held, err);
	give_http(e, h);
	return r;
}
