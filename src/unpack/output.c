#include <fcntl.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "store/compare.h"
#include "store/digest.h"
#include "store/erofs.h"
#include "store/extract.h"
#include "unpack/op.h"

static int read_archive(void *arg, unsigned archive, int64_t offset, void *data, size_t len, struct err *err)
{
	const struct archives *a = arg;

	while (len) {
		ssize_t n = pread(a->fds[archive], data, len, offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_sys(err, n < 0 ? -errno : -EIO, "cannot read the archive");
		data = (char *)data + n;
		len -= (size_t)n;
		offset += n;
	}
	return 0;
}

struct merge_source archives_source(const struct archives *a)
{
	return (struct merge_source){ read_archive, (void *)a };
}

static int output_index(const struct merge *m, const struct archives *a, struct unpack_reply *reply, struct err *err)
{
	struct merge_source source = archives_source(a);
	struct blob_digests digests;
	int r;

	r = erofs_write(UNPACK_FD_INDEX, m, a->sizes, a->n, &source, &reply->index_size, err);
	if (r >= 0 && lseek(UNPACK_FD_INDEX, 0, SEEK_SET) < 0)
		r = err_sys(err, -errno, "cannot read the index");
	if (r >= 0)
		r = digest_stream(UNPACK_FD_INDEX, -1, 1u << HASH_SHA256, &digests, err);
	if (r >= 0)
		reply->index = xstrdup(digests.sha256);
	return r;
}

static int make_rootfs(unsigned flags, int *ret_fd, struct err *err)
{
	int r;

	if (flags & ROOTFS_ONLY) {
		*ret_fd = fcntl(UNPACK_FD_DIR, F_DUPFD_CLOEXEC, 3);
		return *ret_fd < 0 ? err_sys(err, -errno, "cannot use the directory") : 0;
	}
	r = dir_make(UNPACK_FD_DIR, "rootfs", 0755);
	/* The store's directories hand their group down; an image decides itself. */
	if (r >= 0 && fchownat(UNPACK_FD_DIR, "rootfs", geteuid(), getegid(), AT_SYMLINK_NOFOLLOW) < 0)
		r = -errno;
	if (r >= 0)
		r = dir_open(UNPACK_FD_DIR, "rootfs", ret_fd);
	return r < 0 ? err_sys(err, r, "cannot make the directory 'rootfs'") : 0;
}

/* A tree is compared with a fresh one: what archives mean is decided in one place only. */
static int compare(int rootfs_fd, struct err *err)
{
	AUTO(close) int tree_fd = -1;
	int r;

	r = dir_open(UNPACK_FD_TREE, "rootfs", &tree_fd);
	if (r < 0)
		return err_sys(err, r, "cannot open the tree's 'rootfs'");
	return compare_trees(tree_fd, rootfs_fd, err);
}

static int output_tree(unsigned flags, const struct merge *m, const struct archives *a, struct err *err)
{
	struct merge_source source = archives_source(a);
	AUTO(extract_free) struct extract *x = NULL;
	AUTO(close) int rootfs_fd = -1;
	struct tar_sink sink;
	int r;

	r = make_rootfs(flags, &rootfs_fd, err);
	if (r >= 0)
		r = extract_open(rootfs_fd, &x, err);
	if (r < 0)
		return r;
	sink = extract_sink(x);
	r = merge_replay(m, &source, &sink, err);
	if (r >= 0)
		r = extract_finish(x, err);
	if (r >= 0 && flags & COMPARE)
		r = compare(rootfs_fd, err);
	return r;
}

int output(unsigned flags, const struct merge *m, const struct archives *a, struct unpack_reply *reply,
	   struct err *err)
{
	int r = 0;

	reply->tree_size = merge_content(m);
	if (flags & WITH_INDEX)
		r = output_index(m, a, reply, err);
	if (r >= 0 && flags & WITH_TREE)
		r = output_tree(flags, m, a, err);
	return r;
}
