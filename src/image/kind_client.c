#include "image/client.h"
#include "image/helper.h"
#include "image/input.h"
#include "image/kind.h"

int fetch_kind(const struct fetch_config *config, const char *path, enum reference_kind *ret, struct err *err)
{
	AUTO(wire_reply_clear) struct wire_reply reply = {};
	AUTO(wire_request_clear) struct wire_request request = { .action = xstrdup("kind"), .path = xstrdup(path) };
	AUTO(close) int fd = -1;
	struct helper_fds fds = HELPER_FDS_NONE;
	int r = input_open(path, &fd, err);

	if (r >= 0)
		r = helper_configure(config, &request, err);
	fds.image = fd;
	if (r >= 0)
		r = helper_ask(config, &request, &fds, &reply, err);
	if (r < 0)
		return r;
	if (!str_eq(reply.kind, "kind"))
		return err_set(err, -EBADMSG, "rkt-fetch gave another answer than was asked for");
	*ret = str_eq(reply.text, KIND_ACI) ? REFERENCE_FILE : REFERENCE_ARCHIVE;
	return 0;
}
