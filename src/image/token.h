#ifndef IMAGE_TOKEN_H
#define IMAGE_TOKEN_H
#include "image/challenge.h"
#include "image/http.h"
#include "image/wire.h"
/* Tokens of registries (distribution's token authentication, and its OAuth2 form). */
enum { TOKEN_ANSWER_MAX = 256 << 10, TOKEN_MAX = 32 << 10 };

struct token_request {
	const char *url;			/* of challenge_url() */
	const struct challenge *challenge;
	const char *scope;			/* as for challenge_url() */
	const struct wire_credential *credential;	/* of the registry that sent the challenge; NULL: anonymous */
};

/* *ret: "Bearer …", to be sent as it is. -EACCES: the credential is not taken. The caller frees it. */
int token_get(struct http *h, const struct token_request *request, char **ret, struct err *err);

/* Reads what a token service answered. For token_get() and its tests. */
int token_read(const char *text, size_t len, char **ret, struct err *err);
#endif
