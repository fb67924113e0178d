#include "store/test_place.h"

#include <fcntl.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <sys/file.h>

#include <cmocka.h>

#include "base/fd.h"
#include "store/tar_build.h"

static int make(const char *parent, void **state)
{
	AUTO(free) char *prefix = xasprintf("%s/rkt-store", parent);
	struct place *p = xcalloc(1, sizeof(*p));

	p->path = name_random(prefix);
	p->unpack_fd = open(RKT_UNPACK, O_PATH | O_CLOEXEC);
	*state = p;
	return p->unpack_fd < 0 ? -1 : store_open(p->path, STORE_WRITE, &p->store, NULL);
}

/* In memory where that is possible, since trees of files sync the whole file system. */
int place_make(void **state)
{
	return make(access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", state);
}

int place_make_on_disk(void **state)
{
	return make(getenv("TMPDIR") ?: "/tmp", state);
}

int place_drop(void **state)
{
	struct place *p = *state;

	store_close(p->store);
	close(p->unpack_fd);
	tree_remove(AT_FDCWD, p->path);
	free(p->path);
	free(p);
	return 0;
}

int place_count(const struct place *p, const char *path)
{
	AUTO(free) char *full = xasprintf("%s/%s", p->path, path);
	AUTO(closedir) DIR *dir = opendir(full);
	struct dirent *entry;
	int n = 0;

	if (!dir)
		return -1;
	while ((entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	return n;
}

int place_trees(const struct place *p)
{
	return place_count(p, "cas/tree");
}

char *place_put(const struct place *p, const void *data, size_t len, char **ret_id)
{
	AUTO(blob_add_free) struct blob_add *b = NULL;
	struct blob_digests digests;
	char *digest;
	int fd;

	assert_int_equal(blob_add_start(p->store, p->unpack_fd, NULL, &b, &fd, NULL), 0);
	assert_int_equal(fd_write_all(fd, data, len), 0);
	close(fd);
	assert_int_equal(blob_add_finish(b, &digests, NULL), 0);
	assert_int_equal(blob_add_commit(b, digests.sha256, NULL), 0);
	digest = xstrdup(digests.sha256);
	digest[6] = ':';
	if (ret_id)
		*ret_id = xstrdup(digests.sha512);
	return digest;
}

void place_import(const struct place *p, const char *name, const char *verified_by, const char *content,
		  struct image_info *ret)
{
	AUTO(free) char *manifest = xasprintf("{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.8.11\",\"name\":\"%s\","
					      "\"labels\":[{\"name\":\"version\",\"value\":\"1\"}]}", name);
	AUTO(import_free) struct import *import = NULL;
	AUTO(buf_clear) struct buf tar = {};
	struct import_result result = {};
	int fd;

	*ret = (struct image_info){ .name = xstrdup(name), .verified_by = xstrdup(verified_by) };
	label_set(&ret->labels, &ret->n_labels, "version", "1");
	tar_begin(&tar, manifest);
	tar_add(&tar, &(struct tar_header){ .name = "rootfs/f", .type = '0', .data = content });
	tar_end(&tar);
	assert_int_equal(import_start(p->store, p->unpack_fd, geteuid() == 0, &import, &fd, NULL), 0);
	assert_int_equal(fd_write_all(fd, tar.data, tar.len), 0);
	close(fd);
	assert_int_equal(import_finish(import, &result, NULL), 0);
	assert_int_equal(import_commit(import, ret, NULL), 0);
}

int place_add_oci(const struct place *p, const char *name, const struct buf *layers, size_t n, bool render,
		  struct image_info *ret, struct err *err)
{
	AUTO(free) char *claimed = xasprintf("{\"acKind\":\"ImageManifest\",\"acVersion\":\"0.8.11\",\"name\":\"%s\","
					     "\"labels\":[{\"name\":\"version\",\"value\":\"1\"}]}", name);
	AUTO(buf_clear) struct buf config = {}, manifest = {}, descriptors = {};

	*ret = (struct image_info){ .name = xstrdup(name), .format = xstrdup("oci") };
	buf_adds(&config, "{\"architecture\":\"amd64\",\"os\":\"linux\",\"config\":{\"Cmd\":[\"/x\"]},"
			  "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[");
	for (size_t i = 0; i < n; i++) {
		AUTO(free) char *digest = place_put(p, layers[i].data, layers[i].len, NULL);

		buf_addf(&config, "%s\"%s\"", i ? "," : "", digest);
		buf_addf(&descriptors, "%s{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\",\"digest\":\"%s\",\"size\":%zu}",
			 i ? "," : "", digest, layers[i].len);
		digest[6] = '-';
		strv_add(&ret->layers, digest);
	}
	buf_adds(&config, "]}}");
	ret->config_digest = place_put(p, config.data, config.len, NULL);
	buf_addf(&manifest, "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\","
			    "\"annotations\":{\"of\":\"%s\"},\"config\":{\"mediaType\":"
			    "\"application/vnd.oci.image.config.v1+json\",\"digest\":\"%s\",\"size\":%zu},\"layers\":[%s]}",
		 name, ret->config_digest, config.len, descriptors.data ?: "");
	ret->digest = place_put(p, manifest.data, manifest.len, &ret->id);
	return store_add_image(p->store, p->unpack_fd, ret, claimed, render, err);
}
