#ifndef IMAGE_HELPER_H
#define IMAGE_HELPER_H
#include "image/fetch.h"
#include "base/auto.h"
#include "image/wire.h"

/* One conversation with rkt-fetch, from start to end. */
struct helper_fds {
	int download, stream, image, signature;	/* -1: not needed */
	const int *keys;
	size_t n_keys;
};
#define HELPER_FDS_NONE ((struct helper_fds){ .download = -1, .stream = -1, .image = -1, .signature = -1 })

/*
 * Fills in what follows from the configuration and the environment. On failure
 * too the caller frees the request's credentials.
 */
int helper_configure(const struct fetch_config *config, struct wire_request *request, struct err *err);

/* rkt-fetch at work, seen by rkt. */
struct helper;

/* Starts rkt-fetch and sends the request. fds->stream is closed and -1 as soon as rkt-fetch has its own. */
int helper_start(const struct fetch_config *config, const struct wire_request *request, struct helper_fds *fds,
		 struct helper **ret, struct err *err);

/*
 * Waits for what rkt-fetch has to say; logs and progress are shown on the way. *ret is the caller's, for
 * wire_reply_clear(). A failure of rkt-fetch is returned as if it had happened here. -EPROTO: it ended without an
 * answer, or with a failure that is none of ours. -EBADMSG: what it said is not what was agreed.
 */
int helper_next(struct helper *h, struct wire_reply *ret, struct err *err);

/* Says something in between. That rkt-fetch is gone is met at the next helper_next(). */
int helper_tell(struct helper *h, const struct wire_command *command, const int *fds, size_t n_fds, struct err *err);

/* Ends it: it has answered, or never will. */
void helper_free(struct helper *h);
DEFINE_AUTO(struct helper *, helper_free)

/* One request and its answer. */
int helper_ask(const struct fetch_config *config, const struct wire_request *request, struct helper_fds *fds,
	       struct wire_reply *ret, struct err *err);
#endif
