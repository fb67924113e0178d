#ifndef STAGE0_DNS_H
#define STAGE0_DNS_H
#include "stage0/stage0.h"
/*
 * --dns, --dns-search, --dns-opt, --dns-domain and --hosts-entry (inventory
 * 1.5, 7.13). Every word is checked before it becomes part of a line.
 */
struct dns_conf {
	const char *resolv;		/* "default", "host", "none" or "stage0": static */
	const char *hosts;		/* "default", "host" or "stage0": static */
	char **servers, **search, **options;
	char *domain;
	char **entries;			/* "IP name name…" */
};

int dns_conf_read(const struct run_request *r, struct dns_conf *ret, struct err *err);
char *dns_resolv_conf(const struct dns_conf *conf);
char *dns_hosts(const struct dns_conf *conf, const char *hostname);
void dns_conf_clear(struct dns_conf *conf);
static inline void dns_conf_clear_auto(struct dns_conf *conf) { dns_conf_clear(conf); }

/* A host name as RFC 1123 has them: letters, digits, "-" and ".", at most max bytes. */
bool hostname_ok(const char *s, size_t max);
#endif
