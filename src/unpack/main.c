#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "spec/image.h"
#include "spec/limits.h"
#include "store/digest.h"
#include "unpack/box.h"
#include "unpack/op.h"

#ifdef WITH_ASAN
/* The leak checker works by ptrace and /proc, which the box takes away. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void) { return 1; }
#endif

enum { FILES_MAX = 128 };

static int say(const struct unpack_reply *reply)
{
	AUTO(free) char *text = json_encode_text(unpack_reply_fields, reply, false);

	return fd_write_all(UNPACK_FD_REPLY, text, strlen(text));
}

static int fill_reply(const struct digest_result *d, struct unpack_reply *reply, struct err *err)
{
	AUTO(free) char *key = xstrndup(d->id, IMAGE_KEY_LEN);

	reply->id = xstrdup(d->id);
	reply->size = d->size;
	return digest_tree_name(key, &reply->tree, err);
}

/* Reads an archive and puts its files together: nothing is made of one that is wrong anywhere. */
static int run_archive(unsigned flags, struct digest_result *d, struct unpack_reply *reply, struct err *err)
{
	const int blob_fd = UNPACK_FD_BLOB;	/* where it can be read again, if there is one */
	AUTO(merge_free) struct merge *m = merge_new();
	struct merge_layer layer = { .format = TAR_ACI };
	struct tar_sink sink = merge_begin(m, &layer);
	int r;

	r = digest_archive(STDIN_FILENO, flags & WITH_BLOB ? blob_fd : -1, &sink, d, err);
	if (r < 0)
		return r;
	merge_finish(m);
	r = output(flags, m, &(struct archives){ &blob_fd, &d->size, 1 }, reply, err);
	if (r < 0)
		free(TAKE(d->tar.manifest));
	return r;
}

/* Beside the rootfs. */
static int write_manifest(const struct digest_result *d, struct err *err)
{
	int r = file_write(UNPACK_FD_DIR, "manifest", d->tar.manifest, d->tar.manifest_len, 0644);

	return r < 0 ? err_sys(err, r, "cannot write the file 'manifest'") : 0;
}

static int import(unsigned flags, struct unpack_reply *reply, struct err *err)
{
	struct digest_result d = {};
	int r;

	if (flags & (WITH_TREE | WITH_INDEX) && !(flags & WITH_BLOB))
		return err_set(err, -EINVAL, "without a blob nothing can be made of an archive");
	r = run_archive(flags, &d, reply, err);
	if (r < 0)
		return r;
	r = fd_write_all(UNPACK_FD_MANIFEST, d.tar.manifest, d.tar.manifest_len);
	if (r < 0)
		r = err_sys(err, r, "cannot write the manifest into the store");
	if (r >= 0 && flags & WITH_TREE)
		r = write_manifest(&d, err);
	free(d.tar.manifest);
	return r < 0 ? r : fill_reply(&d, reply, err);
}

/* What it is is no matter here: a layer is read when an index is made of it. */
static int blob(unsigned flags, struct unpack_reply *reply, struct err *err)
{
	unsigned kinds = (flags & WITH_SHA256 ? 1u << HASH_SHA256 : 0) | (flags & WITH_SHA512 ? 1u << HASH_SHA512 : 0);
	struct blob_digests digests;
	int r;

	r = digest_stream(STDIN_FILENO, UNPACK_FD_BLOB, kinds, &digests, err);
	if (r < 0)
		return r;
	if (flags & WITH_SHA256)
		reply->sha256 = xstrdup(digests.sha256);
	if (flags & WITH_SHA512)
		reply->sha512 = xstrdup(digests.sha512);
	reply->size = digests.size;
	return 0;
}

struct op {
	const char *name;
	unsigned may;
	int (*run)(unsigned flags, struct unpack_reply *reply, struct err *err);
};

static const struct op ops[] = {
	{ "import", WITH_BLOB | WITH_TREE | WITH_INDEX, import },
	{ "blob", WITH_SHA256 | WITH_SHA512, blob },
	{ "compose", WITH_TREE | WITH_INDEX | WITH_ACI | ROOTFS_ONLY | COMPARE, compose_op },
};

static const struct {
	const char *name;
	unsigned flag;
} flag_names[] = {
	{ "blob", WITH_BLOB }, { "tree", WITH_TREE }, { "index", WITH_INDEX }, { "rootfs-only", ROOTFS_ONLY },
	{ "compare", COMPARE }, { "sha256", WITH_SHA256 }, { "sha512", WITH_SHA512 },
	{ "aci", WITH_ACI },
};

static const struct op *parse(int argc, char **argv, unsigned *ret_flags)
{
	const struct op *op = NULL;
	unsigned one;

	if (argc > 1 && str_starts(argv[argc - 1], UNPACK_LIMITS))
		argc--;
	for (size_t i = 0; argc > 1 && i < ARRAY_LEN(ops); i++)
		if (str_eq(argv[1], ops[i].name))
			op = &ops[i];
	for (int a = 2; op && a < argc; a++) {
		unsigned flag = 0;

		for (size_t i = 0; i < ARRAY_LEN(flag_names); i++)
			if (str_eq(argv[a], flag_names[i].name))
				flag = flag_names[i].flag;
		if (!(flag & op->may))
			return NULL;
		*ret_flags |= flag;
	}
	/* They would be made in the same descriptor. */
	one = *ret_flags & (WITH_TREE | WITH_INDEX | WITH_ACI);
	return one & (one - 1) ? NULL : op;
}

/* A page of a mapped blob could not be had (unpack/window.h). */
static void say_unreadable(int signal_number)
{
	static const char reply[] = "{\"code\":-5,\"chain\":[\"cannot read a blob: input/output error\"]}";

	(void)signal_number;
	(void)!write(UNPACK_FD_REPLY, reply, sizeof(reply) - 1);
	_exit(1);
}

static int run(const struct op *op, unsigned flags, const char *last, struct unpack_reply *reply, struct err *err)
{
	int r = 0;

	umask(0);	/* modes are the archive's */
	signal(SIGXFSZ, SIG_IGN);	/* a limit of file sizes is an error to return */
	signal(SIGBUS, say_unreadable);
	limits_set(NULL);	/* before there are threads */
	if (str_starts(last, UNPACK_LIMITS))
		r = limits_take(last + strlen(UNPACK_LIMITS), err);
	if (r >= 0)
		r = digest_init(err);
	if (r >= 0)
		r = box_enter(flags & WITH_TREE ? UNPACK_FD_DIR : -1, flags & COMPARE ? UNPACK_FD_TREE : -1,
			      FILES_MAX + (unsigned)(op->run == compose_op ? compose_blobs() : 0), err);
	return r < 0 ? r : op->run(flags, reply, err);
}

int main(int argc, char **argv)
{
	AUTO(unpack_reply_clear) struct unpack_reply reply = {};
	AUTO(err_clear) struct err err = {};
	unsigned flags = 0;
	const struct op *op = parse(argc, argv, &flags);
	struct stat st;
	int r;

	if (!op || fstat(UNPACK_FD_REPLY, &st) < 0) {
		fputs("rkt-unpack is started by rkt\n", stderr);
		return 254;
	}
	r = run(op, flags, argv[argc - 1], &reply, &err);
	if (r < 0) {
		unpack_reply_clear(&reply);
		reply.code = r;
		reply.chain = TAKE(err.chain);
	}
	if (say(&reply) < 0)
		return 254;
	return r < 0;
}
