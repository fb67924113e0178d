#include "spec/registry.h"

#include <arpa/inet.h>
#include <string.h>

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

static bool is_host(const char *text)
{
	AUTO(free) char *host = xstrdup(text);
	struct in6_addr address;
	char *port;

	if (*host != '[') {
		port = strchr(host, ':');
		if (port)
			*port++ = 0;
		return *host && strlen(host) <= HOST_MAX && is_host_name(host) && (!port || is_port(port));
	}
	port = strchr(host, ']');
	if (!port)
		return false;
	*port++ = 0;
	return inet_pton(AF_INET6, host + 1, &address) == 1 && (!*port || (*port == ':' && is_port(port + 1)));
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

/* Takes the host off the beginning of *text, where one is. */
static char *take_host(const char **text)
{
	size_t n = strcspn(*text, "/");
	AUTO(free) char *first = xstrndup(*text, n);

	if (!(*text)[n] || (!strpbrk(first, ".:") && strcasecmp(first, "localhost") != 0))
		return NULL;
	*text += n + 1;
	return to_lower(first);
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
	AUTO(free) char *lower = to_lower(text);

	if (!is_host(lower))
		return NULL;
	return is_hub(lower) ? xstrdup(DOCKER_HUB) : TAKE(lower);
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

char *registry_prefix(const char *text)
{
	AUTO(free) char *host = xstrndup(text, strcspn(text, "/"));
	const char *rest = text + strlen(host);
	AUTO(free) char *registry = to_lower(host);
	AUTO(free) char *whole = NULL;

	if (!strpbrk(host, ".:") && !str_eq(host, "localhost"))
		return xstrdup(text);
	if (!is_host(host) || (*rest && !is_repository(rest + 1)) || (!*rest && !str_eq(registry, host)))
		return xstrdup(text);
	whole = xasprintf("%s%s", is_hub(registry) ? DOCKER_HUB : registry, rest);
	return oci_appc_name(NULL, whole) ?: xstrdup(text);
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
