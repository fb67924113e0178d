#include "spec/registry.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/buf.h"
#include "spec/oci.h"

enum { REPOSITORY_MAX = 255, TAG_MAX = 128, HOST_MAX = 255 };
#define DIGITS		"0123456789"
#define LOWER_ALNUM	"abcdefghijklmnopqrstuvwxyz" DIGITS
#define ALNUM		"ABCDEFGHIJKLMNOPQRSTUVWXYZ" LOWER_ALNUM
#define DOCKER_HUB	"registry-1.docker.io"

static bool is_port(const char *s)
{
	unsigned long long port;

	return str_to_u64(s, 65535, &port) == 0 && port > 0;
}

/* Words of letters and digits, "-" within, with a "." between two of them. */
static bool is_host_name(const char *s)
{
	while (*s) {
		size_t n = strspn(s, ALNUM "-");

		if (!n || *s == '-' || s[n - 1] == '-')
			return false;
		s += n;
		if (*s == '.' && s[1])
			s++;
		else if (*s)
			return false;
	}
	return true;
}

/* What follows the "]" of an address in brackets; NULL: it is none. */
static const char *read_address(const char *text, struct in6_addr *ret)
{
	const char *end = *text == '[' ? strchr(text, ']') : NULL;
	AUTO(free) char *inner = end ? xstrndup(text + 1, (size_t)(end - text) - 1) : NULL;

	return inner && inet_pton(AF_INET6, inner, ret) == 1 ? end + 1 : NULL;
}

static bool is_host(const char *text)
{
	AUTO(free) char *host = xstrdup(text);
	struct in6_addr address;
	const char *rest;
	char *port;

	if (*host != '[') {
		port = strchr(host, ':');
		if (port)
			*port++ = 0;
		return *host && strlen(host) <= HOST_MAX && is_host_name(host) && (!port || is_port(port));
	}
	rest = read_address(text, &address);
	return rest && (!*rest || (*rest == ':' && is_port(rest + 1)));
}

/* What may stand between the letters and digits of a name: one of ". _ __", or any number of "-". */
static size_t separator_len(const char *s)
{
	return *s == '.' ? 1 : *s == '_' ? 1 + (s[1] == '_') : strspn(s, "-");
}

static bool is_repository(const char *s)
{
	for (;;) {
		size_t n = strspn(s, LOWER_ALNUM);

		if (!n)
			return false;
		s += n;
		if (!*s)
			return true;
		n = *s == '/' ? 1 : separator_len(s);
		if (!n)
			return false;
		s += n;
	}
}

static bool is_tag(const char *s)
{
	return *s && *s != '.' && *s != '-' && !s[strspn(s, ALNUM "_.-")] && strlen(s) <= TAG_MAX;
}

static char *to_lower(const char *s)
{
	char *lower = xstrdup(s);

	for (char *c = lower; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c |= 0x20;
	return lower;
}

/* The one form of a host: in lower case, an address as inet_ntop(3) writes it. */
static char *host_form(const char *text)
{
	char words[INET6_ADDRSTRLEN];
	struct in6_addr address;
	const char *rest = read_address(text, &address);

	if (rest && inet_ntop(AF_INET6, &address, words, sizeof(words)))
		return xasprintf("[%s]%s", words, rest);
	return to_lower(text);
}

/* Takes the host off the beginning of *text, where one is. */
static char *take_host(const char **text)
{
	size_t n = strcspn(*text, "/");
	AUTO(free) char *first = xstrndup(*text, n);

	if (!(*text)[n] || (!strpbrk(first, ".:") && strcasecmp(first, "localhost") != 0))
		return NULL;
	*text += n + 1;
	return host_form(first);
}

/* Cuts the string at the separator, where there is one, and gives what follows it. */
static char *take_tail(char *separator)
{
	if (!separator)
		return NULL;
	*separator = 0;
	return xstrdup(separator + 1);
}

static int name_check(const struct registry_name *n, struct err *err)
{
	if (n->registry && !is_host(n->registry))
		return err_set(err, -ERR_BAD_INPUT, "bad registry host \"%s\"", n->registry);
	if (!*n->repository)
		return err_set(err, -ERR_BAD_INPUT, "the image has no name");
	if (n->repository[strcspn(n->repository, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")])
		return err_set(err, -ERR_BAD_INPUT, "image name \"%s\" must be lower case", n->repository);
	if (!is_repository(n->repository) || strlen(n->repository) > REPOSITORY_MAX)
		return err_set(err, -ERR_BAD_INPUT, "bad image name \"%s\"", n->repository);
	if (n->tag && !is_tag(n->tag))
		return err_set(err, -ERR_BAD_INPUT, "bad tag \"%s\"", n->tag);
	if (n->digest && !oci_digest_valid(n->digest))
		return err_set(err, -ERR_BAD_INPUT, "bad digest \"%s\"", n->digest);
	return 0;
}

static bool is_hub(const char *registry)
{
	static const char *const names[] = { DOCKER_HUB, "docker.io", "index.docker.io" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq(registry, names[i]))
			return true;
	return false;
}

static void expand_hub(struct registry_name *n)
{
	if (n->registry && !is_hub(n->registry))
		return;
	free(n->registry);
	n->registry = xstrdup(DOCKER_HUB);
	if (!strchr(n->repository, '/')) {
		char *name = n->repository;

		n->repository = xasprintf("library/%s", name);
		free(name);
	}
}

char *registry_host(const char *text)
{
	AUTO(free) char *host = host_form(text);

	if (!is_host(host))
		return NULL;
	return is_hub(host) ? xstrdup(DOCKER_HUB) : TAKE(host);
}

bool registry_is_local(const char *text)
{
	bool bracketed = *text == '[';
	AUTO(free) char *host = xstrndup(text, strcspn(text, bracketed ? "]" : ":") + bracketed);
	struct in_addr address;

	if (!is_host(text))
		return false;
	return strcasecmp(host, "localhost") == 0 || str_eq(host, "[::1]") ||
	       (inet_pton(AF_INET, host, &address) == 1 && ntohl(address.s_addr) >> 24 == IN_LOOPBACKNET);
}

/* --- appc's words --- */

/* No separator may follow another there: a row of n equal ones is "~n" and one of them. Names have no "~" otherwise. */
static void add_words(struct buf *out, const char *s)
{
	while (*s) {
		size_t word = strspn(s, LOWER_ALNUM), n = 0;

		buf_add(out, s, word);
		for (s += word; *s && s[n] == *s; n++)
			;
		if (n > 1)
			buf_addf(out, "~%zu", n);
		if (n)
			buf_addc(out, *s == ':' ? '_' : *s);
		s += n;
	}
}

/* An address is its eight numbers: written shorter, another address with a port would read the same. */
static void add_host(struct buf *out, const char *host)
{
	struct in6_addr address;
	const char *rest = read_address(host, &address);

	for (size_t i = 0; rest && i < sizeof(address); i += 2)
		buf_addf(out, "%s%x", i ? "_" : "", address.s6_addr[i] << 8 | address.s6_addr[i + 1]);
	add_words(out, rest ?: host);
}

char *registry_appc_name(const char *registry, const char *repository)
{
	struct buf name = {};

	add_host(&name, registry);
	if (repository) {
		buf_addc(&name, '/');
		add_words(&name, repository);
	}
	return buf_steal(&name);
}

char *registry_prefix(const char *text)
{
	AUTO(free) char *host = xstrndup(text, strcspn(text, "/")), *lower = to_lower(host);
	AUTO(free) char *registry = registry_host(host);
	const char *rest = text + strlen(host);

	if (!registry || (!strpbrk(host, ".:") && !str_eq(host, "localhost")))
		return xstrdup(text);
	if (*rest ? !is_repository(rest + 1) : *host != '[' && !str_eq(lower, host))
		return xstrdup(text);
	return registry_appc_name(registry, *rest ? rest + 1 : NULL);
}

int registry_name_parse(const char *text, struct registry_name *ret, struct err *err)
{
	AUTO(registry_name_clear) struct registry_name n = {};
	AUTO(free) char *rest = NULL;
	char *slash;
	int r;

	n.registry = take_host(&text);
	rest = xstrdup(text);
	n.digest = take_tail(strchr(rest, '@'));
	slash = strrchr(rest, '/');
	n.tag = take_tail(strchr(slash ?: rest, ':'));
	n.repository = TAKE(rest);
	r = name_check(&n, err);
	if (r < 0)
		return r;
	expand_hub(&n);
	*ret = n;
	n = (struct registry_name){};
	return 0;
}

bool registry_name_same(const char *a, const char *b)
{
	AUTO(registry_name_clear) struct registry_name x = {}, y = {};

	if (registry_name_parse(a, &x, NULL) < 0 || registry_name_parse(b, &y, NULL) < 0)
		return false;
	return str_eq(x.registry, y.registry) && str_eq(x.repository, y.repository) && str_eq(x.digest, y.digest) &&
	       str_eq(x.tag ?: "latest", y.tag ?: "latest");
}

void registry_name_clear(struct registry_name *n)
{
	free(n->registry);
	free(n->repository);
	free(n->tag);
	free(n->digest);
	*n = (struct registry_name){};
}
