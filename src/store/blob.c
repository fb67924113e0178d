#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/crash.h"
#include "base/fd.h"
#include "base/human.h"
#include "store/facts.h"
#include "store/names.h"
#include "store/temp.h"
#include "store/unpack.h"

enum { PIPE_BYTES = 1 << 20 };

struct blob_add {
	struct store *store;		/* the caller's */
	struct unpack *unpack;
	struct temp_file file;
	char *key;			/* what it must turn out to be; NULL: anything */
	struct unpack_reply reply;
};

/* --- one blob ------------------------------------------------------------------ */

static int start_unpack(struct blob_add *b, int exe_fd, int stream_fd, struct err *err)
{
	const char *only = b->key ? (str_starts(b->key, "sha256-") ? "sha256" : "sha512") : NULL;
	char *const args[] = {
		(char *)"blob", (char *)(only ?: "sha256"), only ? NULL : (char *)"sha512", NULL,
	};
	int fds[UNPACK_FDS] = { stream_fd, -1, STDERR_FILENO };

	fds[UNPACK_FD_BLOB] = b->file.fd;
	fds[UNPACK_FD_DIR] = fds[UNPACK_FD_MANIFEST] = fds[UNPACK_FD_TREE] = -1;
	return unpack_start(exe_fd, args, fds, &b->unpack, err);
}

static struct blob_add *blob_new(struct store *s, const char *key)
{
	struct blob_add *b = xcalloc(1, sizeof(*b));

	*b = (struct blob_add){ .store = s, .file = TEMP_FILE_NONE, .key = xstrdup(key) };
	return b;
}

static int start_stream(struct blob_add *b, int exe_fd, int *ret_stream_fd, struct err *err)
{
	AUTO(close) int read_fd = -1, write_fd = -1;
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(err, -errno, "cannot make a pipe");
	read_fd = fds[0];
	write_fd = fds[1];
	(void)fcntl(write_fd, F_SETPIPE_SZ, PIPE_BYTES);
	r = start_unpack(b, exe_fd, read_fd, err);
	if (r >= 0)
		*ret_stream_fd = TAKE_FD(write_fd);
	return r;
}

int blob_add_start(struct store *s, int unpack_exe_fd, const char *key, struct blob_add **ret, int *ret_stream_fd,
		   struct err *err)
{
	AUTO(blob_add_free) struct blob_add *b = blob_new(s, key);
	int r;

	if (key && !store_blob_valid(key))
		return err_set(err, -ERR_BAD_INPUT, "'%s' is no blob's name", key);
	/* Nobody sweeps while something is being added. */
	r = store_use(s, err);
	if (r >= 0)
		r = temp_file_open(s, &b->file, err);
	if (r >= 0)
		r = start_stream(b, unpack_exe_fd, ret_stream_fd, err);
	if (r >= 0)
		*ret = TAKE(b);
	return r;
}

int blob_hash_start(int unpack_exe_fd, const char *key, struct blob_add **ret, int *ret_stream_fd, struct err *err)
{
	AUTO(blob_add_free) struct blob_add *b = blob_new(NULL, key);
	int r = start_stream(b, unpack_exe_fd, ret_stream_fd, err);

	if (r >= 0)
		*ret = TAKE(b);
	return r;
}

/* One of the two that were told, as far as a key goes. */
static bool is_called(const struct unpack_reply *reply, const char *key)
{
	return (reply->sha256 && str_eq(reply->sha256, key)) ||
	       (reply->sha512 && strncmp(reply->sha512, key, IMAGE_KEY_LEN) == 0);
}

static int check_key(const struct unpack_reply *reply, const char *key, struct err *err)
{
	if (is_called(reply, key))
		return 0;
	return err_set(err, -ERR_BAD_INPUT, "the blob '%s' has other bytes: they are '%.*s'", key, IMAGE_KEY_LEN,
		       reply->sha256 ?: reply->sha512);
}

int blob_add_finish(struct blob_add *b, struct blob_digests *ret, struct err *err)
{
	struct stat st;
	int r;

	r = unpack_wait(b->unpack, &b->reply, err);
	if (r < 0)
		return r;
	if (b->file.fd >= 0 && (fstat(b->file.fd, &st) < 0 || st.st_size != b->reply.size))
		return err_set(err, -EIO, "the blob is not as large as what was written to it");
	if (b->key)
		r = check_key(&b->reply, b->key, err);
	if (r < 0)
		return r;
	*ret = (struct blob_digests){ .size = b->reply.size };
	if (b->reply.sha256)
		stpncpy(ret->sha256, b->reply.sha256, sizeof(ret->sha256) - 1);
	if (b->reply.sha512)
		stpncpy(ret->sha512, b->reply.sha512, sizeof(ret->sha512) - 1);
	return 0;
}

int blob_add_commit(struct blob_add *b, const char *key, struct err *err)
{
	int r;

	if (!store_blob_valid(key))
		return err_set(err, -ERR_BAD_INPUT, "'%s' is no blob's name", key);
	r = check_key(&b->reply, key, err);
	if (r < 0)
		return r;
	if (fsync(b->file.fd) < 0)
		return err_sys(err, -errno, "cannot write the blob '%s' to disk", key);
	return temp_file_keep(b->store, &b->file, "blob", key, err);
}

void blob_add_free(struct blob_add *b)
{
	if (!b)
		return;
	unpack_free(b->unpack);
	temp_file_drop(b->store, &b->file);
	unpack_reply_clear(&b->reply);
	free(b->key);
	free(b);
}

/* --- what is there ------------------------------------------------------------- */

int store_open_key(struct store *s, const char *key, int *ret_fd, struct err *err)
{
	AUTO(free) char *path = NULL;
	AUTO(close) int fd = -1;
	struct stat st;

	if (!store_blob_valid(key))
		return err_set(err, -ERR_BAD_INPUT, "'%s' is no blob's name", key);
	path = store_sharded("blob", key);
	fd = cas_open(s->cas_fd, path, O_RDONLY, 0);
	if (fd == -ENOENT)
		return err_set(err, -ERR_NOT_FOUND, "there is no blob '%s'", key);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(err, fd < 0 ? fd : -errno, "cannot open the blob '%s'", key);
	if (!S_ISREG(st.st_mode))
		return err_set(err, -ERR_BAD_INPUT, "the blob '%s' is no file", key);
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int store_check_key(struct store *s, int unpack_exe_fd, const char *key, struct err *err)
{
	AUTO(blob_add_free) struct blob_add *b = blob_new(s, key);
	AUTO(close) int blob_fd = -1;
	int r;

	r = store_open_key(s, key, &blob_fd, err);
	if (r >= 0)
		r = start_unpack(b, unpack_exe_fd, blob_fd, err);	/* whose copy goes nowhere */
	if (r >= 0)
		r = unpack_wait(b->unpack, &b->reply, err);
	return r < 0 ? r : check_key(&b->reply, key, err);
}

bool store_has_blob(struct store *s, const char *key)
{
	AUTO(close) int fd = -1;

	return store_open_key(s, key, &fd, NULL) >= 0;
}
