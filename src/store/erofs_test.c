#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "spec/limits.h"
#include "store/erofs.h"
#include "store/erofs_check.h"
#include "store/extract.h"
#include "store/hash.h"
#include "store/test_files.h"

enum { ARCHIVE_BYTES = 1 << 20, ROOM = 700 };

/* Members without an archive around them: their contents are somewhere in one file of bytes. */
struct place {
	char *path;
	int fd, archive_fd, index_fd;
	struct buf archive;
	struct merge *merge;
	struct tar_sink sink;
	int64_t size;
};

static int make_place(void **state)
{
	struct place *p = xcalloc(1, sizeof(*p));
	struct merge_layer layer = { .format = TAR_OCI };
	static const int64_t zeros[] = { 512 + 1000, 2048 + 300000 };	/* up to the ends of their blocks */
	uint32_t x = 1;

	p->path = name_random("/tmp/rkt-erofs");	/* the kernel mounts no file that is in memory */
	for (size_t i = 0; i < ARCHIVE_BYTES; i++) {
		x = x * 1103515245 + 12345;
		buf_addc(&p->archive, (char)(x >> 16));
	}
	for (size_t i = 0; i < ARRAY_LEN(zeros); i++)
		memset(p->archive.data + zeros[i], 0, (size_t)(-zeros[i] & 511));
	p->merge = merge_new();
	p->sink = merge_begin(p->merge, &layer);
	*state = p;
	if (dir_make(AT_FDCWD, p->path, 0700) < 0 || dir_open(AT_FDCWD, p->path, &p->fd) < 0 || hash_init() < 0)
		return -1;
	p->archive_fd = openat(p->fd, "archive", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	p->index_fd = openat(p->fd, "index", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	return fd_write_all(p->archive_fd, p->archive.data, p->archive.len);
}

static int drop_place(void **state)
{
	struct place *p = *state;

	merge_free(p->merge);
	buf_clear(&p->archive);
	close(p->archive_fd);
	close(p->index_fd);
	close(p->fd);
	tree_remove(AT_FDCWD, p->path);
	free(p->path);
	free(p);
	return 0;
}

static void add(struct place *p, const struct member *m)
{
	struct member copy = *m;
	AUTO(err_clear) struct err err = {};

	if (!copy.mode)
		copy.mode = copy.kind == MEMBER_DIRECTORY ? 0755 : 0644;
	if (p->sink.end(p->sink.arg, &copy, &err) < 0) {
		AUTO(free) char *words = err_text(&err);

		fail_msg("%s", words);
	}
}

static int read_bytes(void *arg, unsigned archive, int64_t offset, void *data, size_t len, struct err *err)
{
	const struct place *p = arg;

	(void)err;
	assert_int_equal(archive, 0);
	assert_true(offset >= 0 && (size_t)offset + len <= p->archive.len);
	memcpy(data, p->archive.data + offset, len);
	return 0;
}

static int write_index(struct place *p, struct err *err)
{
	struct merge_source source = { read_bytes, p };
	int64_t sizes[] = { ARCHIVE_BYTES };

	return erofs_write(p->index_fd, p->merge, sizes, 1, &source, &p->size, err);
}

static void check(struct place *p)
{
	AUTO(free) char *words = NULL;
	void *image;

	merge_finish(p->merge);
	assert_int_equal(write_index(p, NULL), 0);
	image = mmap(NULL, (size_t)p->size, PROT_READ, MAP_SHARED, p->index_fd, 0);
	assert_true(image != MAP_FAILED);
	if (erofs_check(image, (size_t)p->size, p->merge, &p->archive, 1, &words) < 0)
		fail_msg("%s", words);
	munmap(image, (size_t)p->size);
}

/* -1: not here, which was said. */
static int mount_index(struct place *p)
{
	if (geteuid()) {
		print_message("not mounted: not root\n");
		return -1;
	}
	return test_mount_index(p->index_fd, &p->archive_fd, 1);
}

/* What the kernel shows is what would have been unpacked. */
static void check_mounted(struct place *p)
{
	AUTO(extract_free) struct extract *x = NULL;
	AUTO(close) int mnt = mount_index(p), root_fd = -1;
	struct merge_source source = { read_bytes, p };
	struct tar_sink sink;

	if (mnt < 0)
		return;
	assert_int_equal(dir_make(p->fd, "tree", 0755), 0);
	assert_int_equal(dir_open(p->fd, "tree", &root_fd), 0);
	assert_int_equal(extract_open(root_fd, &x, NULL), 0);
	sink = extract_sink(x);
	assert_int_equal(merge_replay(p->merge, &source, &sink, NULL), 0);
	assert_int_equal(extract_finish(x, NULL), 0);
	test_same_files(mnt, root_fd);
}

static void kinds(void **state)
{
	struct place *p = *state;
	struct extent whole = { .len = 1000, .offset = 512 }, large = { .len = 300000, .offset = 2048 };

	add(p, &(struct member){ MEMBER_DIRECTORY, "", .mode = 01777, .uid = 1, .gid = 2, .mtime = { 1, 999999999 } });
	add(p, &(struct member){ MEMBER_DIRECTORY, "d", .mode = 0700, .mtime = { 5000000000, 1 } });
	add(p, &(struct member){ MEMBER_FILE, "d/f", .mode = 06755, .uid = 4000000000u, .gid = 3000000000u,
				 .size = 1000, .extents = &whole, .n_extents = 1, .tail_zero = true });
	add(p, &(struct member){ MEMBER_FILE, "large", .size = 300000, .extents = &large, .n_extents = 1,
				 .mtime = { -1000, 5 } });
	add(p, &(struct member){ MEMBER_FILE, "empty", .mtime = { -1, 0 } });
	add(p, &(struct member){ MEMBER_HARDLINK, "d/h", "d/f" });
	add(p, &(struct member){ MEMBER_SYMLINK, "s", "d/f", .uid = 7, .gid = 8, .mtime = { 9, 9 } });
	add(p, &(struct member){ MEMBER_HARDLINK, "s2", "s" });
	add(p, &(struct member){ MEMBER_FIFO, "p", .mode = 0622 });
	check(p);
	check_mounted(p);
}

static void link_texts(void **state)
{
	struct place *p = *state;
	char text[4096] = {};

	/* Of all lengths that an inode's block may or may not hold, at all places in it. */
	for (size_t i = 1; i <= ROOM; i += i >= 440 && i < 452 ? 1 : 3) {
		AUTO(free) char *path = xasprintf("l%zu", i);

		memset(text, 'a' + (int)(i % 26), i);
		text[i] = 0;
		add(p, &(struct member){ MEMBER_SYMLINK, path, text });
	}
	memset(text, 'x', sizeof(text) - 1);
	add(p, &(struct member){ MEMBER_SYMLINK, "longest", text });
	check(p);
	check_mounted(p);
}

static void directories(void **state)
{
	struct place *p = *state;
	char name[256] = {};

	/* "." is not the first one, nor ".." the second. */
	for (const char *odd = "!#%+,-"; *odd; odd++) {
		AUTO(free) char *path = xasprintf("%c", *odd), *second = xasprintf(".%c", *odd);

		add(p, &(struct member){ MEMBER_FILE, path });
		add(p, &(struct member){ MEMBER_FILE, second });
	}
	/* Every size around the end of a block. */
	for (size_t i = 20; i < 40; i++) {
		AUTO(free) char *dir = xasprintf("n%zu", i);

		add(p, &(struct member){ MEMBER_DIRECTORY, dir });
		for (size_t k = 0; k < i; k++) {
			AUTO(free) char *path = xasprintf("%s/%zu", dir, k * 7919);

			add(p, &(struct member){ MEMBER_FILE, path });
		}
	}
	for (size_t i = 1; i <= 255; i += 2) {
		AUTO(free) char *path = NULL;

		memset(name, 'n', i);
		path = xasprintf("long/%s", name);
		add(p, &(struct member){ MEMBER_FILE, path });
	}
	check(p);
	check_mounted(p);
}

static void hundred_thousand(void **state)
{
	enum { N = 100000 };
	struct place *p = *state;
	AUTO(close) int mnt = -1, dir_fd = -1;
	AUTO(closedir) DIR *dir = NULL;
	size_t n = 0;

	for (size_t i = 0; i < N; i++) {
		char path[32];

		snprintf(path, sizeof(path), "d/%zu", i * 7919 % N);
		add(p, &(struct member){ MEMBER_FILE, path });
	}
	check(p);
	mnt = mount_index(p);
	if (mnt < 0)
		skip();
	assert_int_equal(dir_open(mnt, "d", &dir_fd), 0);
	for (size_t i = 0; i < N; i++) {
		char name[32];

		snprintf(name, sizeof(name), "%zu", i);
		assert_int_equal(faccessat(dir_fd, name, F_OK, 0), 0);
	}
	assert_int_equal(faccessat(dir_fd, "100000", F_OK, 0), -1);
	assert_int_equal(faccessat(dir_fd, "", F_OK, 0), -1);
	assert_int_equal(faccessat(dir_fd, "99999x", F_OK, 0), -1);
	dir = fdopendir(fcntl(dir_fd, F_DUPFD_CLOEXEC, 3));
	assert_non_null(dir);
	while (readdir(dir))
		n++;
	assert_int_equal(n, N + 2);
}

static void attributes(void **state)
{
	static const uint8_t capability[] = { 1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
	struct place *p = *state;
	AUTO(free) char *large = xcalloc(1, 65535);
	struct member_xattr small[] = {
		{ "user.a", "1", 1 }, { "user.empty", "", 0 }, { "security.capability", capability, sizeof(capability) },
	};
	struct member_xattr largest[] = { { "user.large", large, 65535 }, { "user.next", "x", 1 } };
	struct member_xattr dir[] = { { "user.dir", "abc", 3 } };

	memset(large, 'v', 65535);
	add(p, &(struct member){ MEMBER_FILE, "small", .mode = 0755, .xattrs = small, .n_xattrs = 3 });
	add(p, &(struct member){ MEMBER_DIRECTORY, "dir", .xattrs = dir, .n_xattrs = 1 });
	add(p, &(struct member){ MEMBER_FILE, "dir/x" });
	/* One that goes through all places in a block. */
	for (size_t i = 0; i < 200; i++) {
		AUTO(free) char *path = xasprintf("f%zu", i);
		struct extent x = { .len = 512 };
		struct member_xattr grows[] = { { "user.grows", large, i * 3 }, { "user.b", "2", 1 } };

		add(p, &(struct member){ MEMBER_FILE, path, .size = 512, .extents = &x, .n_extents = 1,
					 .xattrs = grows, .n_xattrs = 2 });
	}
	check(p);
	check_mounted(p);
	/* More than the file system of a tree may take. */
	merge_free(p->merge);
	p->merge = merge_new();
	p->sink = merge_begin(p->merge, &(struct merge_layer){ .format = TAR_OCI });
	add(p, &(struct member){ MEMBER_FILE, "largest", .xattrs = largest, .n_xattrs = 2 });
	add(p, &(struct member){ MEMBER_FILE, "other" });
	check(p);
	{
		AUTO(close) int mnt = mount_index(p);

		if (mnt < 0)
			skip();
		test_attribute(mnt, "largest", "user.large", large, 65535);
		test_attribute(mnt, "largest", "user.next", "x", 1);
	}
}

/* Whatever the parts are, the file is what they say, and its holes cost nothing. */
static void sparse(void **state)
{
	static const struct {
		int64_t size;
		bool tail_zero;
		struct extent parts[4];
		size_t n;
		int64_t most;		/* bytes of the image */
	} cases[] = {
		{ 8 << 20, false, { { 3 << 20, 4096, 512 } }, 1, 40 << 10 },
		{ 8 << 20, false, { { 0, 512, 512 }, { 1 << 20, 512, 1024 }, { 4 << 20, 4 << 10, 1536 } }, 3, 40 << 10 },
		{ 100000, false, { { 5000, 7000, 700 } }, 1, 40 << 10 },
		{ 100000, false, { { 1, 1, 1 }, { 3, 1, 2 }, { 5000, 10, 3 }, { 99999, 1, 13 } }, 4, 40 << 10 },
		{ 1000, false, { { 0, 1000, 512 } }, 1, 8 << 10 },
		{ 1000, true, { { 0, 1000, 513 } }, 1, 8 << 10 },
		{ 3LL << 30, false, {}, 0, 8 << 10 },
		{ 3LL << 30, false, { { (1LL << 30) - 256, 512, 512 } }, 1, 2 << 20 },
		{ 64LL << 30, false, { { (64LL << 30) - 512, 512, 512 } }, 1, 8 << 20 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct place *p = *state;
		struct extent parts[4];

		memcpy(parts, cases[i].parts, sizeof(parts));
		add(p, &(struct member){ MEMBER_FILE, "f", .size = cases[i].size, .extents = parts,
					 .n_extents = cases[i].n, .tail_zero = cases[i].tail_zero });
		check(p);
		assert_true(p->size <= cases[i].most);
		if (cases[i].size < 1 << 30)
			check_mounted(p);
		drop_place(state);
		assert_int_equal(make_place(state), 0);
	}
}

/* Larger than one chunk is. */
static void huge(void **state)
{
	struct place *p = *state;
	struct extent whole = { .len = (3LL << 30) + 5, .offset = 1024 };
	static const int64_t places[] = { 0, (1LL << 30) - 1, 1LL << 30, (2LL << 30) + 12345, (3LL << 30) + 4 };
	static const char marks[] = "01234";
	struct merge_source source = { read_bytes, p };
	int64_t size = (4LL << 30);
	AUTO(close) int mnt = -1, fd = -1;
	struct stat st;

	assert_int_equal(ftruncate(p->archive_fd, 0), 0);
	assert_int_equal(ftruncate(p->archive_fd, size), 0);
	for (size_t i = 0; i < ARRAY_LEN(places); i++)
		assert_int_equal(pwrite(p->archive_fd, &marks[i], 1, whole.offset + places[i]), 1);
	add(p, &(struct member){ MEMBER_FILE, "f", .size = whole.len, .extents = &whole, .n_extents = 1,
				 .tail_zero = true });
	merge_finish(p->merge);
	assert_int_equal(erofs_write(p->index_fd, p->merge, &size, 1, &source, &p->size, NULL), 0);
	assert_true(p->size <= 4096);
	mnt = mount_index(p);
	if (mnt < 0)
		skip();
	fd = openat(mnt, "f", O_RDONLY | O_CLOEXEC);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, whole.len);
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		char got[3] = {};
		int64_t at = places[i] - (places[i] != 0);

		assert_true(pread(fd, got, 3, at) >= 2);
		assert_int_equal(got[places[i] - at], marks[i]);
	}
}

static void same_bytes(void **state)
{
	struct place *p = *state;
	AUTO(free) char *first = NULL, *second = NULL;
	size_t first_len, second_len;

	for (size_t i = 0; i < 500; i++) {
		AUTO(free) char *path = xasprintf("%zu/%zu", i % 7, i);

		add(p, &(struct member){ MEMBER_FILE, path });
	}
	check(p);
	assert_int_equal(fd_read_file(p->index_fd, 1 << 20, &first, &first_len), 0);
	assert_int_equal(write_index(p, NULL), 0);
	assert_int_equal(fd_read_file(p->index_fd, 1 << 20, &second, &second_len), 0);
	assert_int_equal(first_len, second_len);
	assert_memory_equal(first, second, first_len);
}

static void failed(struct place *p, int code, const char *expected)
{
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *words = NULL;

	assert_int_equal(write_index(p, &err), code);
	words = err_text(&err);
	assert_string_equal(words, expected);
}

static void failures(void **state)
{
	struct limits small = { .index_bytes = 1 << 20 };
	struct extent odd = { .len = 5, .offset = 1 };
	struct place *p = *state;
	AUTO(err_clear) struct err err = {};
	AUTO(free) char *words = NULL;
	int64_t huge_sizes[] = { 3LL << 40 };
	struct merge_source source = { read_bytes, p };

	add(p, &(struct member){ MEMBER_FILE, "f", .size = 64LL << 30, .extents = &odd, .n_extents = 1 });
	for (size_t i = 0; i < 20000; i++) {
		AUTO(free) char *path = xasprintf("%zu", i);

		add(p, &(struct member){ MEMBER_FILE, path });
	}
	merge_finish(p->merge);
	limits_set(&small);
	failed(p, -E2BIG, "the index of the image's files is larger than the limit index-bytes (1MiB; limits.d)");
	limits_set(NULL);
	assert_int_equal(write_index(p, NULL), 0);
	assert_int_equal(erofs_write(p->index_fd, p->merge, huge_sizes, 1, &source, &p->size, &err), -E2BIG);
	words = err_text(&err);
	assert_string_equal(words, "the archive is larger than 2199023255040 bytes");
	close(p->index_fd);
	p->index_fd = openat(p->fd, "archive", O_RDONLY | O_CLOEXEC);
	failed(p, -EINVAL, "cannot write the index: Invalid argument");
}

#define WITH_PLACE(f) cmocka_unit_test_setup_teardown(f, make_place, drop_place)
int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PLACE(kinds), WITH_PLACE(link_texts), WITH_PLACE(directories), WITH_PLACE(hundred_thousand),
		WITH_PLACE(attributes), WITH_PLACE(sparse), WITH_PLACE(huge), WITH_PLACE(same_bytes),
		WITH_PLACE(failures),
	};

	umask(0);	/* as rkt-unpack has it */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
