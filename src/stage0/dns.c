#include "stage0/dns.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/buf.h"

enum { NAME_MAX_BYTES = 253, LABEL_MAX_BYTES = 63 };

#define ALNUM "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

bool hostname_ok(const char *s, size_t max)
{
	size_t len = strlen(s);

	if (!len || len > max || strspn(s, ALNUM "-.") != len)
		return false;
	while (*s) {
		size_t label = strcspn(s, ".");

		if (!label || label > LABEL_MAX_BYTES || *s == '-' || s[label - 1] == '-')
			return false;
		s += label;
		if (*s == '.' && !*++s)
			return false;
	}
	return true;
}

/* As above for what is looked up: names may have "_" in front and the root's dot at the end. */
static bool domain_ok(const char *s)
{
	size_t len = strlen(s);

	return len && len <= NAME_MAX_BYTES && strspn(s, ALNUM "-._") == len && *s != '-' &&
	       (*s != '.' || len == 1) && !strstr(s, "..");
}

static bool option_ok(const char *s)
{
	return *s && strspn(s, ALNUM "-_:.") == strlen(s);
}

static bool ip_ok(const char *s)
{
	struct in6_addr addr;

	return inet_pton(AF_INET, s, &addr) == 1 || inet_pton(AF_INET6, s, &addr) == 1;
}

/* Adds the parts of each comma list, checked by ok. */
static int add_words(char *const *lists, bool (*ok)(const char *), const char *flag, char ***ret, struct err *err)
{
	for (; lists && *lists; lists++) {
		AUTO(strv_free) char **words = strv_split(*lists, ',');

		if (!strv_len(words))
			return err_set(err, -ERR_USAGE, "invalid value passed to %s: \"\"", flag);
		for (size_t i = 0; words[i]; i++) {
			if (!ok(words[i]))
				return err_set(err, -ERR_USAGE, "invalid value passed to %s: \"%s\"", flag, words[i]);
			strv_add(ret, words[i]);
		}
	}
	return 0;
}

static int read_servers(char *const *dns, struct dns_conf *c, struct err *err)
{
	for (size_t i = 0; dns && dns[i]; i++) {
		AUTO(strv_free) char **ips = NULL;

		if (str_eq(dns[i], "host") || str_eq(dns[i], "none")) {
			if (strv_len(dns) > 1)
				return err_set(err, -ERR_USAGE, "no other --dns options allowed when --dns=%s is passed",
					       dns[i]);
			c->resolv = str_eq(dns[i], "host") ? "host" : "none";
			return 0;
		}
		ips = strv_split(dns[i], ',');
		if (!strv_len(ips))
			return err_set(err, -ERR_USAGE, "Invalid IP passed to --dns: %s", dns[i]);
		for (size_t k = 0; ips[k]; k++) {
			if (!ip_ok(ips[k]))
				return err_set(err, -ERR_USAGE, "Invalid IP passed to --dns: %s", ips[k]);
			strv_add(&c->servers, ips[k]);
		}
		c->resolv = "stage0";
	}
	return 0;
}

static int read_resolv(const struct run_request *r, struct dns_conf *c, struct err *err)
{
	bool more = strv_len(r->dns_search) || strv_len(r->dns_opt) || (r->dns_domain && *r->dns_domain);
	int ret;

	ret = read_servers(r->dns, c, err);
	if (ret < 0 || !more)
		return ret;
	if (str_eq(c->resolv, "host") || str_eq(c->resolv, "none"))
		return err_set(err, -ERR_USAGE, "Cannot call --dns-opt, --dns-search, or --dns-domain with --dns=%s",
			       c->resolv);
	ret = add_words(r->dns_search, domain_ok, "--dns-search", &c->search, err);
	if (ret >= 0)
		ret = add_words(r->dns_opt, option_ok, "--dns-opt", &c->options, err);
	if (ret < 0)
		return ret;
	if (r->dns_domain && *r->dns_domain) {
		if (!domain_ok(r->dns_domain))
			return err_set(err, -ERR_USAGE, "invalid value passed to --dns-domain: \"%s\"", r->dns_domain);
		c->domain = xstrdup(r->dns_domain);
	}
	c->resolv = "stage0";
	return 0;
}

/* Names of one address share its line. */
static void add_entry(struct dns_conf *c, const char *ip, const char *name)
{
	size_t len = strlen(ip);

	for (char **line = c->entries; line && *line; line++)
		if (str_starts(*line, ip) && (*line)[len] == ' ') {
			char *longer = xasprintf("%s %s", *line, name);

			free(*line);
			*line = longer;
			return;
		}
	strv_take(&c->entries, xasprintf("%s %s", ip, name));
}

static int read_entry(struct dns_conf *c, const char *text, struct err *err)
{
	const char *equals = strchr(text, '=');
	AUTO(free) char *ip = equals ? xstrndup(text, (size_t)(equals - text)) : NULL;

	if (!equals)
		return err_set(err, -ERR_USAGE, "Did not understand --hosts-entry %s", text);
	if (!ip_ok(ip))
		return err_set(err, -ERR_USAGE, "Invalid IP passed to --hosts-entry: %s", ip);
	if (!domain_ok(equals + 1))
		return err_set(err, -ERR_USAGE, "Did not understand --hosts-entry %s", text);
	add_entry(c, ip, equals + 1);
	return 0;
}

static int read_hosts(char *const *entries, struct dns_conf *c, struct err *err)
{
	if (strv_has(entries, "host")) {
		if (strv_len(entries) > 1)
			return err_set(err, -ERR_USAGE,
				       "cannot pass --hosts-entry=host with multiple hosts-entries");
		c->hosts = "host";
		return 0;
	}
	for (; entries && *entries; entries++) {
		AUTO(strv_free) char **parts = strv_split(*entries, ',');

		if (!strv_len(parts))
			return err_set(err, -ERR_USAGE, "Did not understand --hosts-entry %s", *entries);
		for (size_t i = 0; parts[i]; i++) {
			int r = read_entry(c, parts[i], err);

			if (r < 0)
				return r;
		}
		c->hosts = "stage0";
	}
	return 0;
}

int dns_conf_read(const struct run_request *r, struct dns_conf *ret, struct err *err)
{
	AUTO(dns_conf_clear) struct dns_conf c = { .resolv = "default", .hosts = "default" };
	int n;

	n = read_resolv(r, &c, err);
	if (n >= 0)
		n = read_hosts(r->hosts_entries, &c, err);
	if (n < 0)
		return err_wrap(err, n, "error with dns flags");
	*ret = c;
	c = (struct dns_conf){};
	return 0;
}

void dns_conf_clear(struct dns_conf *conf)
{
	strv_free(conf->servers);
	strv_free(conf->search);
	strv_free(conf->options);
	strv_free(conf->entries);
	free(conf->domain);
	*conf = (struct dns_conf){};
}

static void add_line(struct buf *b, const char *keyword, char *const *words)
{
	AUTO(free) char *joined = strv_join(words, " ");

	if (*joined)
		buf_addf(b, "%s %s\n", keyword, joined);
}

char *dns_resolv_conf(const struct dns_conf *conf)
{
	struct buf b = {};

	buf_adds(&b, "# Generated by rkt run\n\n");
	add_line(&b, "search", conf->search);
	for (char **server = conf->servers; server && *server; server++)
		buf_addf(&b, "nameserver %s\n", *server);
	add_line(&b, "options", conf->options);
	if (conf->domain)
		buf_addf(&b, "domain %s\n", conf->domain);
	return buf_steal(&b);
}

char *dns_hosts(const struct dns_conf *conf, const char *hostname)
{
	struct buf b = {};

	buf_addf(&b,
		 "# This is the default rkt /etc/hosts\n\n"
		 "127.0.0.1\tlocalhost localhost.domain localhost4 localhost4.localdomain4 %s\n\n"
		 "::1\tlocalhost localhost6 localhost6.localdomain6\n"
		 "fe00::0\tip6-localnet\n"
		 "ff00::0\tip6-mcastprefix\n"
		 "ff02::1\tip6-allnodes\n"
		 "ff02::2\tip6-allrouters\n",
		 hostname);
	buf_adds(&b, "\n# Added by rkt run --hosts-entry\n");
	for (char **line = conf->entries; line && *line; line++)
		buf_addf(&b, "%s\n", *line);
	return buf_steal(&b);
}
