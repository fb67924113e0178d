#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "spec/image.h"
#include "spec/limits.h"
#include "store/compare.h"
#include "store/digest.h"
#include "store/extract.h"
#include "store/unpack.h"
#include "unpack/box.h"

#ifdef WITH_ASAN
/* The leak checker works by ptrace and /proc, which the box takes away. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void) { return 1; }
#endif

enum flag {
	WITH_BLOB = 1 << 0, WITH_TREE = 1 << 1, ROOTFS_ONLY = 1 << 2, WITH_SHA256 = 1 << 3, WITH_SHA512 = 1 << 4,
};

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
	reply->tree_size = d->tar.content;
	return digest_tree_name(key, &reply->tree, err);
}

/* Runs the archive into a directory that becomes the rootfs; -1: nowhere, it is only checked. */
static int run_archive(int in_fd, int out_fd, int rootfs_fd, struct digest_result *d, struct err *err)
{
	AUTO(extract_free) struct extract *x = NULL;
	struct tar_sink sink = {};
	int r;

	if (rootfs_fd >= 0) {
		r = extract_open(rootfs_fd, &x, err);
		if (r < 0)
			return r;
		sink = extract_sink(x);
	}
	r = digest_archive(in_fd, out_fd, &sink, d, err);
	if (r >= 0 && x)
		r = extract_finish(x, err);
	return r;
}

static int make_rootfs(int dir_fd, int *ret_fd, struct err *err)
{
	int r;

	r = dir_make(dir_fd, "rootfs", 0755);
	/* The store's directories hand their group down; an image decides itself. */
	if (r >= 0 && fchownat(dir_fd, "rootfs", geteuid(), getegid(), AT_SYMLINK_NOFOLLOW) < 0)
		r = -errno;
	if (r >= 0)
		r = dir_open(dir_fd, "rootfs", ret_fd);
	return r < 0 ? err_sys(err, r, "cannot make the directory 'rootfs'") : 0;
}

static int import(unsigned flags, struct unpack_reply *reply, struct err *err)
{
	AUTO(close) int rootfs_fd = -1;
	struct digest_result d = {};
	int r = 0;

	if (flags & WITH_TREE)
		r = make_rootfs(UNPACK_FD_DIR, &rootfs_fd, err);
	if (r >= 0)
		r = run_archive(STDIN_FILENO, flags & WITH_BLOB ? UNPACK_FD_BLOB : -1, rootfs_fd, &d, err);
	if (r < 0)
		return r;
	r = fd_write_all(UNPACK_FD_MANIFEST, d.tar.manifest, d.tar.manifest_len);
	if (r < 0)
		r = err_sys(err, r, "cannot write the manifest into the store");
	if (r >= 0 && flags & WITH_TREE) {
		r = file_write(UNPACK_FD_DIR, "manifest", d.tar.manifest, d.tar.manifest_len, 0644);
		if (r < 0)
			r = err_sys(err, r, "cannot write the file 'manifest'");
	}
	free(d.tar.manifest);
	return r < 0 ? r : fill_reply(&d, reply, err);
}

static int extract(unsigned flags, struct unpack_reply *reply, struct err *err)
{
	AUTO(close) int rootfs_fd = -1;
	struct digest_result d = {};
	int r;

	if (flags & ROOTFS_ONLY) {
		rootfs_fd = fcntl(UNPACK_FD_DIR, F_DUPFD_CLOEXEC, 3);
		r = rootfs_fd < 0 ? err_sys(err, -errno, "cannot use the directory") : 0;
	} else {
		r = make_rootfs(UNPACK_FD_DIR, &rootfs_fd, err);
	}
	if (r >= 0)
		r = run_archive(UNPACK_FD_BLOB, -1, rootfs_fd, &d, err);
	if (r < 0)
		return r;
	if (!(flags & ROOTFS_ONLY)) {
		r = file_write(UNPACK_FD_DIR, "manifest", d.tar.manifest, d.tar.manifest_len, 0644);
		if (r < 0)
			r = err_sys(err, r, "cannot write the file 'manifest'");
	}
	free(d.tar.manifest);
	return r < 0 ? r : fill_reply(&d, reply, err);
}

static int compare_manifest(const struct digest_result *d, struct err *err)
{
	AUTO(free) char *text = NULL;
	size_t len = 0;
	int r;

	r = file_read(UNPACK_FD_TREE, "manifest", MANIFEST_MAX_BYTES, &text, &len);
	if (r < 0)
		return err_sys(err, r, "cannot read the tree's 'manifest'");
	if (len != d->tar.manifest_len || memcmp(text, d->tar.manifest, len) != 0)
		return err_set(err, -ERR_BAD_INPUT, "'manifest' has other contents");
	return 0;
}

/* The tree is compared with a fresh one: what the archive means is decided in one place only. */
static int verify(unsigned flags, struct unpack_reply *reply, struct err *err)
{
	AUTO(close) int rootfs_fd = -1, tree_fd = -1;
	struct digest_result d = {};
	int r;

	if (!(flags & WITH_TREE)) {
		/* Of a damaged blob the hash is to be told, not what its damage did to the archive. */
		struct digest_names names;

		r = digest_stream(UNPACK_FD_BLOB, -1, 1u << HASH_SHA512, &names, err);
		if (r < 0)
			return r;
		memcpy(d.id, names.name[HASH_SHA512], sizeof(d.id));
		d.size = names.size;
		return fill_reply(&d, reply, err);
	}
	r = make_rootfs(UNPACK_FD_DIR, &rootfs_fd, err);
	if (r >= 0)
		r = run_archive(UNPACK_FD_BLOB, -1, rootfs_fd, &d, err);
	if (r >= 0)
		r = compare_manifest(&d, err);
	free(TAKE(d.tar.manifest));
	if (r < 0)
		return r;
	r = dir_open(UNPACK_FD_TREE, "rootfs", &tree_fd);
	if (r < 0)
		return err_sys(err, r, "cannot open the tree's 'rootfs'");
	r = compare_trees(tree_fd, rootfs_fd, err);
	return r < 0 ? r : fill_reply(&d, reply, err);
}

/* What it is is no matter here: a layer is read when an index is made of it. */
static int blob(unsigned flags, struct unpack_reply *reply, struct err *err)
{
	unsigned kinds = (flags & WITH_SHA256 ? 1u << HASH_SHA256 : 0) | (flags & WITH_SHA512 ? 1u << HASH_SHA512 : 0);
	struct digest_names names;
	int r;

	r = digest_stream(STDIN_FILENO, UNPACK_FD_BLOB, kinds, &names, err);
	if (r < 0)
		return r;
	if (flags & WITH_SHA256)
		reply->sha256 = xstrdup(names.name[HASH_SHA256]);
	if (flags & WITH_SHA512)
		reply->sha512 = xstrdup(names.name[HASH_SHA512]);
	reply->size = names.size;
	return 0;
}

struct op {
	const char *name;
	unsigned may;
	int (*run)(unsigned flags, struct unpack_reply *reply, struct err *err);
};

static const struct op ops[] = {
	{ "import", WITH_BLOB | WITH_TREE, import },
	{ "extract", ROOTFS_ONLY, extract },
	{ "verify", WITH_TREE, verify },
	{ "blob", WITH_SHA256 | WITH_SHA512, blob },
};

static const struct {
	const char *name;
	unsigned flag;
} flag_names[] = {
	{ "blob", WITH_BLOB }, { "tree", WITH_TREE }, { "rootfs-only", ROOTFS_ONLY }, { "sha256", WITH_SHA256 },
	{ "sha512", WITH_SHA512 },
};

static const struct op *parse(int argc, char **argv, unsigned *ret_flags)
{
	const struct op *op = NULL;

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
	return op;
}

static int run(const struct op *op, unsigned flags, const char *last, struct unpack_reply *reply, struct err *err)
{
	bool uses_dir = flags & WITH_TREE || op->run == extract;
	bool uses_tree = flags & WITH_TREE && op->run == verify;
	int r = 0;

	umask(0);	/* modes are the archive's */
	signal(SIGXFSZ, SIG_IGN);	/* a limit of file sizes is an error to return */
	if (str_starts(last, UNPACK_LIMITS))
		r = limits_take(last + strlen(UNPACK_LIMITS), err);
	if (r >= 0)
		r = digest_init(err);
	if (r >= 0)
		r = box_enter(uses_dir ? UNPACK_FD_DIR : -1, uses_tree ? UNPACK_FD_TREE : -1, err);
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
