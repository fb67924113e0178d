#ifndef IMAGE_CHALLENGE_H
#define IMAGE_CHALLENGE_H
#include "base/err.h"
/*
 * How a registry wants to be asked: the values of WWW-Authenticate, joined by
 * ", " (RFC 9110, 11.6.1), read strictly. They say where a password goes, so
 * what is not well formed counts as nothing said.
 */
enum { CHALLENGE_TEXT_MAX = 8 << 10, CHALLENGES_MAX = 8 };

struct challenge {
	char *scheme;			/* in lower case: "bearer", "basic" … */
	char *realm, *service, *scope;	/* NULL: not there */
};

/* -ERR_BAD_INPUT: bytes, syntax or a parameter that is there twice; -E2BIG: a limit. */
int challenge_parse(const char *text, struct challenge **ret, size_t *ret_n, struct err *err);
void challenges_free(struct challenge *list, size_t n);

/* The first one of that scheme. NULL: there is none. */
const struct challenge *challenge_find(const struct challenge *list, size_t n, const char *scheme);

/*
 * Where a token for this challenge is asked for: its realm with service and scope in the query; scope is the one to
 * ask for where it names none. -ERR_BAD_INPUT: the realm is no http or https URL, or has a user in it. The caller
 * frees *ret.
 */
int challenge_url(const struct challenge *c, const char *scope, char **ret, struct err *err);
#endif
