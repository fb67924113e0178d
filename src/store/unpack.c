#include "store/unpack.h"

#include <assert.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/proc.h"
#include "spec/limits.h"
#include "spec/types.h"
#include "store/layout.h"

enum { PIPE_BYTES = 1 << 20 };

#define AT(member) offsetof(struct unpack_reply, member)
const struct json_field unpack_reply_fields[] = {
	{ "id", JSON_STRING, AT(id), JSON_OMIT_EMPTY },
	{ "tree", JSON_STRING, AT(tree), JSON_OMIT_EMPTY },
	{ "sha256", JSON_STRING, AT(sha256), JSON_OMIT_EMPTY },
	{ "sha512", JSON_STRING, AT(sha512), JSON_OMIT_EMPTY },
	{ "index", JSON_STRING, AT(index), JSON_OMIT_EMPTY },
	{ "size", JSON_INT, AT(size), JSON_OMIT_EMPTY },
	{ "treeSize", JSON_INT, AT(tree_size), JSON_OMIT_EMPTY },
	{ "indexSize", JSON_INT, AT(index_size), JSON_OMIT_EMPTY },
	{ "code", JSON_INT, AT(code), JSON_OMIT_EMPTY },
	{ "chain", JSON_STRV, AT(chain), JSON_OMIT_EMPTY },
	{}
};
#undef AT

struct unpack {
	int pidfd, reply_fd;
	const struct answer *answer;
};

void unpack_reply_clear(struct unpack_reply *r)
{
	json_clear(unpack_reply_fields, r);
}

static bool is_sha256(const char *name)
{
	return strlen(name) == IMAGE_KEY_LEN && str_starts(name, "sha256-") && store_blob_valid(name);
}

static bool is_id(const char *name)
{
	return strlen(name) == IMAGE_ID_LEN && image_id_check(name, NULL) >= 0;
}

static bool names_tree(const struct unpack_reply *r)
{
	return (!r->id || is_id(r->id)) && r->tree && store_tree_valid(r->tree) &&
	       (!r->index || is_sha256(r->index)) && r->index_size >= 0;
}

static bool names_archive(const struct unpack_reply *r)
{
	return r->id && names_tree(r);
}

static bool names_hashes(const struct unpack_reply *r)
{
	return (r->sha256 || r->sha512) && (!r->sha256 || is_sha256(r->sha256)) && (!r->sha512 || is_id(r->sha512));
}

/* What the answer must hold, by what was asked for. */
static const struct answer {
	const char *op;
	bool (*fits)(const struct unpack_reply *r);
} answers[] = {
	{ "import", names_archive }, { "blob", names_hashes }, { "compose", names_tree },
};

static const struct answer *answer_to(const char *op)
{
	for (size_t i = 0; i < ARRAY_LEN(answers); i++)
		if (str_eq(op, answers[i].op))
			return &answers[i];
	return NULL;
}

int unpack_pipe(int *ret_read_fd, int *ret_write_fd, struct err *err)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, -errno, "cannot make a pipe");
	(void)fcntl(fds[1], F_SETPIPE_SZ, PIPE_BYTES);
	*ret_read_fd = fds[0];
	*ret_write_fd = fds[1];
	return 0;
}

int unpack_start(int exe_fd, char *const *args, const int fds[UNPACK_FDS], struct unpack **ret, struct err *err)
{
	return unpack_start_with(exe_fd, args, fds, NULL, 0, ret, err);
}

int unpack_start_with(int exe_fd, char *const *args, const int fds[UNPACK_FDS], const int *more, size_t n_more,
		      struct unpack **ret, struct err *err)
{
	AUTO(strv_free) char **argv = NULL;
	AUTO(free) char *limits = limits_hand_on();
	AUTO(close) int read_fd = -1, write_fd = -1;
	AUTO(free) int *child_fds = xcalloc(UNPACK_FDS + n_more, sizeof(*child_fds));
	struct proc proc = { .exe_fd = exe_fd, .fds = child_fds, .n_fds = UNPACK_FDS + n_more };
	int pipe_fds[2];
	struct unpack *u;
	pid_t pid;
	int r;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return err_sys(err, -errno, "cannot make a pipe");
	read_fd = pipe_fds[0];
	write_fd = pipe_fds[1];
	for (int i = 0; i < UNPACK_FDS; i++)
		child_fds[i] = fds[i];
	for (size_t i = 0; i < n_more; i++)
		child_fds[UNPACK_FDS + i] = more[i];
	child_fds[UNPACK_FD_REPLY] = write_fd;
	strv_add(&argv, "rkt-unpack");
	for (size_t i = 0; args[i]; i++)
		strv_add(&argv, args[i]);
	if (limits)
		strv_take(&argv, xasprintf(UNPACK_LIMITS "%s", limits));
	proc.argv = argv;

	u = xcalloc(1, sizeof(*u));
	u->answer = answer_to(args[0]);
	assert(u->answer);
	r = proc_start(&proc, &pid, &u->pidfd, err);
	if (r < 0) {
		free(u);
		return err_wrap(err, r, "cannot start rkt-unpack");
	}
	u->reply_fd = TAKE_FD(read_fd);
	*ret = u;
	return 0;
}

static int take_failure(struct unpack_reply *reply, struct err *err)
{
	int r = (int)reply->code;

	if (err) {
		err_clear(err);
		err->chain = TAKE(reply->chain);
	}
	unpack_reply_clear(reply);
	return r;
}

/* What reads hostile archives is believed only as far as that: these become names in the store. */
static bool reply_fits(const struct unpack *u, const struct unpack_reply *r)
{
	return u->answer->fits(r) && r->size >= 0 && r->tree_size >= 0;
}

int unpack_wait(struct unpack *u, struct unpack_reply *ret, struct err *err)
{
	AUTO(free) char *text = xmalloc(UNPACK_REPLY_MAX);
	size_t len = 0;
	int r, status;

	*ret = (struct unpack_reply){};
	r = fd_read_upto(u->reply_fd, text, UNPACK_REPLY_MAX, &len);
	if (r < 0)
		return err_sys(err, r, "cannot read what rkt-unpack says");
	status = proc_wait(u->pidfd);
	close_auto(&u->pidfd);
	u->pidfd = -1;
	if (status < 0)
		return err_sys(err, status, "cannot wait for rkt-unpack");
	if (status > 128)
		return err_set(err, -EIO, "rkt-unpack died of signal %d", status - 128);
	if (!len)
		return err_set(err, -EIO, "rkt-unpack ended without an answer (exit code %d)", status);
	r = json_decode_text(text, len, unpack_reply_fields, ret, err);
	if (r < 0)
		return err_wrap(err, r, "cannot read what rkt-unpack says");
	if (ret->code < 0 && ret->code > -INT16_MAX)
		return take_failure(ret, err);
	if (status || ret->code || !reply_fits(u, ret)) {
		unpack_reply_clear(ret);
		return err_set(err, -EIO, "the answer of rkt-unpack makes no sense (exit code %d)", status);
	}
	return 0;
}

void unpack_free(struct unpack *u)
{
	if (!u)
		return;
	if (u->pidfd >= 0) {
		proc_kill(u->pidfd);
		close(u->pidfd);
	}
	close(u->reply_fd);
	free(u);
}
