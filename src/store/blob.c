#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "store/blob.h"
#include "store/temp.h"
#include "store/unpack.h"

struct blob_add {
	struct store *store;		/* the caller's */
	int exe_fd;			/* rkt-unpack */
	struct unpack *unpack;
	struct temp_file file;
	char *key;			/* what it must turn out to be; NULL: anything */
	struct unpack_reply reply;
};

/* --- one blob ------------------------------------------------------------------ */

/* key: what it is to be, which decides what is hashed. out_fd: where the bytes go, -1: nowhere. */
static int start_unpack(int exe_fd, const char *key, int in_fd, int out_fd, struct unpack **ret, struct err *err)
{
	const char *only = key ? (str_starts(key, "sha256-") ? "sha256" : "sha512") : NULL;
	char *const args[] = {
		(char *)"blob", (char *)(only ?: "sha256"), only ? NULL : (char *)"sha512", NULL,
	};
	int fds[UNPACK_FDS] = { in_fd, -1, STDERR_FILENO };

	fds[UNPACK_FD_BLOB] = out_fd;
	fds[UNPACK_FD_DIR] = fds[UNPACK_FD_MANIFEST] = fds[UNPACK_FD_TREE] = -1;
	return unpack_start(exe_fd, args, fds, ret, err);
}

/* s: NULL for what is only to be hashed. */
static struct blob_add *blob_new(struct store *s, const char *key)
{
	struct blob_add *b = xcalloc(1, sizeof(*b));

	*b = (struct blob_add){ .store = s, .exe_fd = -1, .file = TEMP_FILE_NONE, .key = xstrdup(key) };
	return b;
}

/* What is read from in_fd becomes the blob. */
static int start(struct blob_add *b, int exe_fd, int in_fd, struct err *err)
{
	int r = 0;

	b->exe_fd = fcntl(exe_fd, F_DUPFD_CLOEXEC, 3);
	if (b->exe_fd < 0)
		return err_sys(err, -errno, "cannot open rkt-unpack");
	/* Nobody sweeps while something is being added. */
	if (b->store)
		r = store_use(b->store, err);
	if (r >= 0 && b->store)
		r = temp_file_open(b->store, &b->file, err);
	return r < 0 ? r : start_unpack(exe_fd, b->key, in_fd, b->file.fd, &b->unpack, err);
}

static int check_name(const char *key, struct err *err)
{
	return store_blob_valid(key) ? 0 : err_set(err, -ERR_BAD_INPUT, "'%s' is no blob's name", key);
}

/* From a pipe, once it is known that what the key asks for makes sense. */
static int start_stream(struct blob_add *b, int exe_fd, int *ret_stream_fd, struct err *err)
{
	AUTO(close) int read_fd = -1, write_fd = -1;
	int r = 0;

	if (b->key)
		r = check_name(b->key, err);
	if (r >= 0)
		r = unpack_pipe(&read_fd, &write_fd, err);
	if (r >= 0)
		r = start(b, exe_fd, read_fd, err);
	if (r >= 0)
		*ret_stream_fd = TAKE_FD(write_fd);
	return r;
}

int blob_add_start(struct store *s, int unpack_exe_fd, const char *key, struct blob_add **ret, int *ret_stream_fd,
		   struct err *err)
{
	AUTO(blob_add_free) struct blob_add *b = blob_new(s, key);
	int r = start_stream(b, unpack_exe_fd, ret_stream_fd, err);

	if (r >= 0)
		*ret = TAKE(b);
	return r;
}

int blob_hash_start(int unpack_exe_fd, const char *key, struct blob_add **ret, int *ret_stream_fd, struct err *err)
{
	return blob_add_start(NULL, unpack_exe_fd, key, ret, ret_stream_fd, err);
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

/* In place of what was known before. Takes fd. */
static void note_known(struct store *s, const char *key, const char *id, int fd)
{
	size_t i = 0;

	while (i < s->n_known && !str_eq(s->known[i].key, key))
		i++;
	if (i == s->n_known) {
		s->known = xreallocarray(s->known, ++s->n_known, sizeof(*s->known));
		s->known[i] = (struct known_blob){ .key = xstrdup(key), .fd = -1 };
	}
	close_auto(&s->known[i].fd);
	s->known[i].fd = fd;
	if (id && !s->known[i].id)
		s->known[i].id = xstrdup(id);
}

/* Or root's, who has no need to deceive us. */
static bool is_ours(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (st.st_uid == geteuid() || !st.st_uid) && !(st.st_mode & 0022);
}

/* The one that is there, if trees are linked to it and it is whole. */
static bool keep_linked(struct store *s, int exe_fd, const char *key, const char *id)
{
	AUTO(close) int fd = -1;
	struct stat st;

	if (store_open_key(s, key, &fd, NULL) < 0 || !is_ours(fd) || fstat(fd, &st) < 0 || st.st_nlink < 2 ||
	    blob_check_file(exe_fd, key, NULL, fd, NULL) < 0)
		return false;
	note_known(s, key, id, TAKE_FD(fd));
	return true;
}

int blob_publish(struct store *s, int unpack_exe_fd, struct temp_file *t, const char *key, const char *id,
		 struct err *err)
{
	AUTO(close) int fd = -1;
	int r = 0;

	if (!keep_linked(s, unpack_exe_fd, key, id)) {
		r = temp_file_keep(s, t, "blob", key, err);
		/* By its name, but only if that is still its own. */
		if (r >= 0 && store_open_key(s, key, &fd, NULL) >= 0 && fd_is_same(fd, t->fd))
			note_known(s, key, id, TAKE_FD(fd));
	}
	if (r >= 0)
		temp_file_drop(s, t);
	return r;
}

int blob_add_commit(struct blob_add *b, const char *key, struct err *err)
{
	int r;

	r = check_name(key, err);
	if (r >= 0)
		r = check_key(&b->reply, key, err);
	if (r >= 0 && fsync(b->file.fd) < 0)
		r = err_sys(err, -errno, "cannot write the blob '%s' to disk", key);
	return r < 0 ? r : blob_publish(b->store, b->exe_fd, &b->file, key, b->reply.sha512, err);
}

void blob_add_free(struct blob_add *b)
{
	if (!b)
		return;
	unpack_free(b->unpack);
	close_auto(&b->exe_fd);
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
	int r;

	r = check_name(key, err);
	if (r < 0)
		return r;
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

bool store_has_blob(struct store *s, const char *key)
{
	AUTO(close) int fd = -1;

	return store_open_key(s, key, &fd, NULL) >= 0;
}

/* --- what may be believed ------------------------------------------------------ */

const struct known_blob *blob_known(const struct store *s, const char *key)
{
	struct stat st;

	for (size_t i = 0; i < s->n_known; i++)
		if (str_eq(s->known[i].key, key))
			return fstat(s->known[i].fd, &st) == 0 && st.st_nlink ? &s->known[i] : NULL;
	return NULL;
}

static int check_reply(struct unpack *unpack, const char *key, const char *id, struct err *err)
{
	AUTO(unpack_reply_clear) struct unpack_reply reply = {};
	int r;

	r = unpack_wait(unpack, &reply, err);
	if (r >= 0 && id && !str_eq(reply.sha512, id))
		r = err_set(err, -ERR_BAD_INPUT, "image hash does not match expected (%s != %s)", reply.sha512, id);
	return r < 0 ? r : check_key(&reply, key, err);
}

/* What start_unpack() takes so that key and id can be held against the bytes. */
static const char *kinds_for(const char *key, const char *id)
{
	return id && !str_starts(key, "sha512-") ? NULL : key;
}

int blob_check_file(int unpack_exe_fd, const char *key, const char *id, int fd, struct err *err)
{
	AUTO(unpack_free) struct unpack *unpack = NULL;
	int r;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_sys(err, -errno, "cannot read the blob '%s'", key);
	r = start_unpack(unpack_exe_fd, kinds_for(key, id), fd, -1, &unpack, err);
	return r < 0 ? r : check_reply(unpack, key, id, err);
}

int blob_check_bytes(int unpack_exe_fd, const char *key, const char *id, const void *data, size_t len,
		     struct err *err)
{
	AUTO(unpack_free) struct unpack *unpack = NULL;
	AUTO(close) int read_fd = -1, write_fd = -1;
	int r;

	r = unpack_pipe(&read_fd, &write_fd, err);
	if (r >= 0)
		r = start_unpack(unpack_exe_fd, kinds_for(key, id), read_fd, -1, &unpack, err);
	if (r < 0)
		return r;
	close_auto(&read_fd);
	read_fd = -1;
	r = fd_write_all(write_fd, data, len);
	close_auto(&write_fd);
	write_fd = -1;
	/* It gave up: it knows why. */
	if (r < 0 && r != -EPIPE)
		return err_sys(err, r, "cannot write to rkt-unpack");
	return check_reply(unpack, key, id, err);
}

/* In place of one that others could still change. */
static int copy_blob(struct store *s, int exe_fd, const char *key, int from_fd, struct err *err)
{
	AUTO(blob_add_free) struct blob_add *b = blob_new(s, key);
	struct blob_digests digests;
	int r;

	r = start(b, exe_fd, from_fd, err);
	if (r >= 0)
		r = blob_add_finish(b, &digests, err);
	return r < 0 ? r : blob_add_commit(b, key, err);
}

static int open_known(const struct known_blob *known, int *ret_fd, struct err *err)
{
	int fd = fcntl(known->fd, F_DUPFD_CLOEXEC, 3);

	if (fd < 0)
		return err_sys(err, -errno, "cannot open the blob '%s'", known->key);
	*ret_fd = fd;
	return 0;
}

int blob_open_ours(struct store *s, int unpack_exe_fd, const char *key, int *ret_fd, bool *ret_hashed,
		   struct err *err)
{
	const struct known_blob *known = blob_known(s, key);
	AUTO(close) int fd = -1;
	int r;

	*ret_hashed = known;
	if (known)
		return open_known(known, ret_fd, err);
	r = store_open_key(s, key, &fd, err);
	if (r < 0)
		return r;
	if (is_ours(fd)) {
		*ret_fd = TAKE_FD(fd);
		return 0;
	}
	r = copy_blob(s, unpack_exe_fd, key, fd, err);
	if (r < 0)
		return r;
	known = blob_known(s, key);
	*ret_hashed = true;
	return known ? open_known(known, ret_fd, err)
		     : err_set(err, -ESTALE, "the blob '%s' was exchanged meanwhile", key);
}

int blob_read_text(struct store *s, int unpack_exe_fd, const char *key, const char *id, size_t max, char **ret,
		   size_t *ret_len, struct err *err)
{
	const struct known_blob *known = blob_known(s, key);
	AUTO(free) char *text = NULL;
	AUTO(close) int fd = -1;
	size_t len = 0;
	int r;

	r = known ? open_known(known, &fd, err) : store_open_key(s, key, &fd, err);
	if (r < 0)
		return r;
	r = fd_read_file(fd, max, &text, &len);
	if (r < 0)
		return err_sys(err, r, "cannot read the blob '%s'", key);
	/* The very bytes that were read: the file may be another's. */
	if (!known || (id && !str_eq(known->id, id)))
		r = blob_check_bytes(unpack_exe_fd, key, id, text, len, err);
	if (r < 0)
		return r;
	*ret = TAKE(text);
	*ret_len = len;
	return 0;
}

int store_read_key(struct store *s, int unpack_exe_fd, const char *key, size_t max, char **ret, size_t *ret_len,
		   struct err *err)
{
	return blob_read_text(s, unpack_exe_fd, key, NULL, max, ret, ret_len, err);
}
