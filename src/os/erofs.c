#include "os/erofs.h"

#include <assert.h>
#include <endian.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "os/loop.h"
#include "os/mount.h"

/* --- mounting ------------------------------------------------------------------ */

/* What the kernel is told to mount. */
struct parts {
	struct mount_option *options;	/* "ro", each "device", and an empty one */
	char **paths;			/* of the loop devices */
	int *fds;			/* likewise, which keep them until the mount does */
	size_t n_fds;
};

static void parts_clear(struct parts *p)
{
	for (size_t i = 0; i < p->n_fds; i++)
		close(p->fds[i]);
	free(p->fds);
	free(p->options);
	strv_free(p->paths);
}
static inline void parts_clear_auto(struct parts *p) { parts_clear(p); }

/* The file itself, or the loop device that stands for it. */
static int name_part(struct parts *p, enum erofs_via via, int dir_fd, const char *name, const char **ret,
		     struct err *err)
{
	AUTO(close) int fd = -1;
	char *path;
	int r;

	if (via == EROFS_FILES) {
		*ret = name;
		return 0;
	}
	fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return err_sys(err, -errno, "cannot open '%s'", name);
	r = loop_attach(fd, &p->fds[p->n_fds], &path, err);
	if (r < 0)
		return r;
	p->n_fds++;
	strv_take(&p->paths, path);
	*ret = path;
	return 0;
}

/* Names are looked up from the working directory: that needs neither /proc nor a descriptor for each. */
static int mount_here(const char *image, const struct mount_option *options, int dir_fd, int *ret_fd, struct err *err)
{
	AUTO(close) int back_fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (back_fd < 0 || fchdir(dir_fd) < 0)
		return err_sys(err, -errno, "cannot change the directory");
	r = mount_new("erofs", image, options, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, ret_fd, err);
	if (fchdir(back_fd) < 0 && r >= 0) {
		r = err_sys(err, -errno, "cannot change the directory back");
		close(*ret_fd);
	}
	return r;
}

int erofs_mount(enum erofs_via via, int dir_fd, const char *image, char *const *devices, int *ret_fd,
		struct err *err)
{
	size_t n = strv_len(devices);
	AUTO(parts_clear) struct parts p = {
		.options = xcalloc(n + 2, sizeof(*p.options)), .fds = xcalloc(n + 1, sizeof(*p.fds)),
	};
	const char *source;
	int r;

	/* Or a block device would be opened to write. */
	p.options[0].key = "ro";
	r = name_part(&p, via, dir_fd, image, &source, err);
	for (size_t i = 0; i < n && r >= 0; i++) {
		p.options[1 + i].key = "device";
		r = name_part(&p, via, dir_fd, devices[i], &p.options[1 + i].value, err);
	}
	return r < 0 ? r : mount_here(source, p.options, dir_fd, ret_fd, err);
}

/* --- trying -------------------------------------------------------------------- */

/* As the kernel's erofs_fs.h has them; what is left out here is zero. */
struct super {
	uint32_t magic, checksum, feature_compat;
	uint8_t block_bits, extra_slots;
	uint16_t root;
	uint64_t inodes, epoch;
	uint32_t epoch_ns, blocks, meta, xattr;
	uint8_t uuid[16], name[16];
	uint32_t feature_incompat;
	uint16_t compression, devices, device_slot;
	uint8_t dir_block_bits, rest[37];
} __attribute__((packed));

struct device {
	uint8_t tag[64];
	uint32_t blocks, mapped;
	uint8_t rest[56];
} __attribute__((packed));

struct inode {
	uint16_t format, xattrs, mode, reserved;
	uint64_t size;
	uint32_t where, number, uid, gid;
	uint64_t mtime;
	uint32_t mtime_ns, nlink;
	uint8_t rest[16];
} __attribute__((packed));

struct chunk {
	uint16_t advise, device;
	uint32_t block;
} __attribute__((packed));

struct entry {
	uint64_t inode;
	uint16_t name;
	uint8_t type, rest;
} __attribute__((packed));

enum {
	BLOCK = 512, MAGIC = 0xE0F5E1E2, CHUNKED = 4, DEVICES = 8,	/* features */
	EXTENDED = 1, PLAIN = 0, CHUNK_BASED = 4, CHUNK_INDEXES = 0x20,
	ROOT = 2, X = 4, SLOT = 32,		/* inodes, by their slots of 32 bytes */
	META = 3, NAMES = 4, BLOCKS = 5,	/* where in the image */
	TYPE_FILE = 1, TYPE_DIRECTORY = 2,
};

/* An image of one file, "x", whose bytes are the block of the extra device. */
struct sample {
	uint8_t boot[1024];
	struct super super;
	struct device device;
	uint8_t gap[META * BLOCK - 1024 - sizeof(struct super) - sizeof(struct device) + ROOT * SLOT];
	struct inode root, file;
	struct chunk chunk;
	uint8_t gap2[BLOCK - ROOT * SLOT - 2 * sizeof(struct inode) - sizeof(struct chunk)];
	struct entry entries[3];
	char names[BLOCK - 3 * sizeof(struct entry)];
} __attribute__((packed));
static_assert(sizeof(struct super) == 128 && sizeof(struct device) == 128 && sizeof(struct inode) == 64, "as on disk");
static_assert(sizeof(struct sample) == BLOCKS * BLOCK, "as on disk");

static struct entry entry(uint64_t inode, size_t name, uint8_t type)
{
	return (struct entry){
		.inode = htole64(inode), .name = htole16((uint16_t)(3 * sizeof(struct entry) + name)), .type = type,
	};
}

static void make_sample(struct sample *s)
{
	static const char names[] = "...x";

	*s = (struct sample){
		.super = {
			.magic = htole32(MAGIC), .block_bits = 9, .root = htole16(ROOT), .inodes = htole64(2),
			.blocks = htole32(BLOCKS), .meta = htole32(META), .feature_incompat = htole32(CHUNKED | DEVICES),
			.devices = htole16(1),
			.device_slot = htole16((1024 + sizeof(struct super)) / sizeof(struct device)),
		},
		.device = { .blocks = htole32(1), .mapped = htole32(BLOCKS) },
		.root = {
			.format = htole16(EXTENDED | PLAIN << 1), .mode = htole16(S_IFDIR | 0755),
			.size = htole64(3 * sizeof(struct entry) + sizeof(names) - 1), .where = htole32(NAMES),
			.number = htole32(1), .nlink = htole32(2),
		},
		.file = {
			.format = htole16(EXTENDED | CHUNK_BASED << 1), .mode = htole16(S_IFREG | 0644),
			.size = htole64(BLOCK), .where = htole32(CHUNK_INDEXES), .number = htole32(2), .nlink = htole32(1),
		},
		.chunk = { .device = htole16(1) },
		.entries = { entry(ROOT, 0, TYPE_DIRECTORY), entry(ROOT, 1, TYPE_DIRECTORY), entry(X, 3, TYPE_FILE) },
	};
	memcpy(s->names, names, sizeof(names) - 1);
}

int erofs_try(enum erofs_via via, int dir_fd, struct err *err)
{
	char *const devices[] = { (char *)"0", NULL };
	struct sample sample;
	char bytes[BLOCK], read[BLOCK];
	AUTO(close) int mount_fd = -1, fd = -1;
	size_t len = 0;
	int r;

	make_sample(&sample);
	memset(bytes, 'x', sizeof(bytes));
	r = file_write(dir_fd, "image", &sample, sizeof(sample), 0600);
	if (r >= 0)
		r = file_write(dir_fd, devices[0], bytes, sizeof(bytes), 0600);
	if (r < 0)
		return err_sys(err, r, "cannot write an image to try");
	r = erofs_mount(via, dir_fd, "image", devices, &mount_fd, err);
	if (r < 0)
		return r;
	fd = openat(mount_fd, "x", O_RDONLY | O_CLOEXEC);
	r = fd < 0 ? -errno : fd_read_upto(fd, read, sizeof(read), &len);
	if (r >= 0 && (len != sizeof(read) || memcmp(read, bytes, len) != 0))
		r = -EIO;
	return r < 0 ? err_sys(err, r, "cannot read from an EROFS image") : 0;
}
