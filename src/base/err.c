#include "base/err.h"

#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/fd.h"

enum { ERR_MESSAGE_MAX = 16 << 10 };

static const char *const own_names[] = {
	[ERR_NO_SIGNATURE - ERR_NO_SIGNATURE] = "no signature",
	[ERR_BAD_SIGNATURE - ERR_NO_SIGNATURE] = "bad signature",
	[ERR_NOT_FOUND - ERR_NO_SIGNATURE] = "not found",
	[ERR_AMBIGUOUS - ERR_NO_SIGNATURE] = "ambiguous",
	[ERR_USAGE - ERR_NO_SIGNATURE] = "wrong usage",
	[ERR_BAD_INPUT - ERR_NO_SIGNATURE] = "bad input",
	[ERR_STATE - ERR_NO_SIGNATURE] = "wrong state",
	[ERR_EXIT - ERR_NO_SIGNATURE] = "failed",
};

const char *err_name(int r)
{
	int code = r < 0 ? -r : r;

	if (code >= ERR_NO_SIGNATURE && code - ERR_NO_SIGNATURE < (int)ARRAY_LEN(own_names))
		return own_names[code - ERR_NO_SIGNATURE];
	return strerror(code);
}

static void push_front(struct err *err, char *words)
{
	size_t n = strv_len(err->chain);

	err->chain = xreallocarray(err->chain, n + 2, sizeof(char *));
	memmove(err->chain + 1, err->chain, n * sizeof(char *));
	err->chain[0] = words;
	err->chain[n + 1] = NULL;
}

int err_set(struct err *err, int r, const char *fmt, ...)
{
	va_list ap;
	char *words;

	if (!err)
		return r;
	va_start(ap, fmt);
	words = xvasprintf(fmt, ap);
	va_end(ap);
	err_clear(err);
	push_front(err, words);
	return r;
}

int err_sys(struct err *err, int r, const char *fmt, ...)
{
	va_list ap;
	char *words;

	if (!err)
		return r;
	va_start(ap, fmt);
	words = xvasprintf(fmt, ap);
	va_end(ap);
	err_clear(err);
	push_front(err, xstrdup(err_name(r)));
	push_front(err, words);
	return r;
}

int err_wrap(struct err *err, int r, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return r;
	if (!err->chain)
		push_front(err, xstrdup(err_name(r)));
	va_start(ap, fmt);
	push_front(err, xvasprintf(fmt, ap));
	va_end(ap);
	return r;
}

char *err_text(const struct err *err)
{
	AUTO(free) char *joined = err->chain ? strv_join(err->chain, ": ") : xstrdup("unknown error");
	struct buf out = {};

	buf_add_printable(&out, joined);
	return buf_steal(&out);
}

char *err_tree(const struct err *err)
{
	struct buf out = {};

	if (!err->chain)
		return xstrdup("unknown error");
	for (size_t i = 0; err->chain[i]; i++) {
		if (i)
			buf_addf(&out, "\n%*s└─", (int)(2 * i), "");
		buf_add_printable(&out, err->chain[i]);
	}
	return buf_steal(&out);
}

/* The message: the code in decimal, then each level, all NUL-terminated. */
void err_send(int fd, int r, const struct err *err)
{
	struct buf msg = {};

	buf_addf(&msg, "%d", r);
	buf_add(&msg, "", 1);
	for (size_t i = 0; err && err->chain && err->chain[i]; i++)
		if (msg.len + strlen(err->chain[i]) + 1 < ERR_MESSAGE_MAX)
			buf_add(&msg, err->chain[i], strlen(err->chain[i]) + 1);
	(void)fd_write_all(fd, msg.data, msg.len);
	buf_clear(&msg);
}

int err_recv(int fd, struct err *err)
{
	AUTO(free) char *data = xmalloc(ERR_MESSAGE_MAX + 1);
	size_t len = 0;
	long long code;
	int r;

	r = fd_read_upto(fd, data, ERR_MESSAGE_MAX, &len);
	if (r < 0)
		return err_sys(err, r, "cannot read what the child says");
	if (!len)
		return 0;
	data[len] = 0;
	if (str_to_i64(data, INT32_MIN, -1, &code) < 0)
		return err_set(err, -EBADMSG, "the child's message makes no sense");
	if (err) {
		err_clear(err);
		for (size_t at = strlen(data) + 1; at < len; at += strlen(data + at) + 1)
			strv_add(&err->chain, data + at);
	}
	return (int)code;
}

void err_clear(struct err *err)
{
	strv_free(err->chain);
	err->chain = NULL;
}
