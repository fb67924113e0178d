#include "store/compose.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/fd.h"
#include "spec/image.h"
#include "spec/limits.h"
#include "store/unpack.h"

#define AT(member) offsetof(struct compose_layer, member)
static const struct json_field layer_fields[] = {
	{ "key", JSON_STRING, AT(key), JSON_REQUIRED },
	{ "oci", JSON_BOOL, AT(oci), JSON_OMIT_EMPTY },
	{ "hashed", JSON_BOOL, AT(hashed), JSON_OMIT_EMPTY },
	{ "paths", JSON_STRV, AT(paths), JSON_OMIT_EMPTY },
	{ "whitelist", JSON_INT, AT(whitelist), JSON_OMIT_EMPTY },
	{ "outerWhitelist", JSON_INT, AT(outer_whitelist), JSON_OMIT_EMPTY },
	{}
};
#undef AT

#define AT(member) offsetof(struct compose_request, member)
const struct json_field compose_request_fields[] = {
	{ "name", JSON_STRING, AT(name), JSON_OMIT_EMPTY },
	{ "layers", JSON_LIST, AT(layers), JSON_REQUIRED, layer_fields, sizeof(struct compose_layer) },
	{ "manifest", JSON_STRING, AT(manifest), JSON_OMIT_EMPTY },
	{ "top", JSON_BOOL, AT(top), JSON_OMIT_EMPTY },
	{ "devLinks", JSON_BOOL, AT(dev_links), JSON_OMIT_EMPTY },
	{}
};
#undef AT

void compose_request_clear(struct compose_request *r)
{
	json_clear(compose_request_fields, r);
}

void compose_result_clear(struct compose_result *r)
{
	free(r->tree);
	free(r->id);
	free(r->index);
	free(r->manifest);
	*r = (struct compose_result){};
}

static int memory_file(const char *name, const char *text, int *ret, struct err *err)
{
	AUTO(close) int fd = memfd_create(name, MFD_CLOEXEC);
	int r = fd < 0 ? -errno : 0;

	if (r >= 0 && text)
		r = fd_write_all(fd, text, strlen(text));
	if (r < 0)
		return err_sys(err, r, "cannot make a file in memory");
	*ret = TAKE_FD(fd);
	return 0;
}

static int start(int exe_fd, enum compose_mode mode, const int fds[UNPACK_FDS], const int *more, size_t n_more,
		 struct unpack **ret, struct err *err)
{
	static const char *const args[][4] = {
		[COMPOSE_INDEX] = { "compose", "index" },
		[COMPOSE_TREE] = { "compose", "tree" },
		[COMPOSE_ROOTFS] = { "compose", "tree", "rootfs-only" },
		[COMPOSE_COMPARE] = { "compose", "tree", "compare" },
		[COMPOSE_ACI] = { "compose", "aci" },
	};
	struct rlimit limit, high;
	bool raised;
	int r;

	/* On its way into the child each descriptor is there twice. */
	raised = getrlimit(RLIMIT_NOFILE, &limit) == 0;
	high = (struct rlimit){ limit.rlim_max, limit.rlim_max };
	raised = raised && setrlimit(RLIMIT_NOFILE, &high) == 0;
	r = unpack_start_with(exe_fd, (char *const *)args[mode], fds, more, n_more, ret, err);
	if (raised)
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	return r;
}

static int take_result(enum compose_mode mode, struct unpack_reply *reply, int manifest_fd,
		       struct compose_result *ret, struct err *err)
{
	AUTO(free) char *manifest = NULL;
	size_t len = 0;
	int r;

	if (!reply->index != (mode != COMPOSE_INDEX))
		return err_set(err, -EIO, "the answer of rkt-unpack makes no sense");
	r = fd_read_file(manifest_fd, MANIFEST_MAX_BYTES, &manifest, &len);
	if (r < 0)
		return err_sys(err, r, "cannot read the manifest");
	*ret = (struct compose_result){
		.tree = TAKE(reply->tree), .id = TAKE(reply->id), .index = TAKE(reply->index),
		.index_size = reply->index_size, .content = reply->tree_size,
		.manifest = len ? TAKE(manifest) : NULL, .manifest_len = len,
	};
	return 0;
}

int compose(int unpack_exe_fd, enum compose_mode mode, const struct compose_request *request, const int *blob_fds,
	    int out_fd, int tree_fd, struct compose_result *ret, struct err *err)
{
	AUTO(free) char *text = json_encode_text(compose_request_fields, request, false);
	AUTO(free) int *more = xcalloc(1 + request->n_layers, sizeof(*more));
	AUTO(unpack_reply_clear) struct unpack_reply reply = {};
	AUTO(unpack_free) struct unpack *unpack = NULL;
	AUTO(close) int request_fd = -1, manifest_fd = -1;
	int fds[UNPACK_FDS] = { -1, -1, STDERR_FILENO };
	int r;

	/* Of ACIs each is an image, which dependencies are counted by. */
	if (request->n_layers > (uint64_t)limits()->layers && request->layers[0].oci)
		return limit_refuse(err, &limits()->layers, "the image has more layers than");
	r = memory_file("request", text, &request_fd, err);
	if (r >= 0)
		r = memory_file("manifest", NULL, &manifest_fd, err);
	if (r < 0)
		return r;
	fds[UNPACK_FD_BLOB] = -1;
	fds[UNPACK_FD_DIR] = out_fd;
	fds[UNPACK_FD_MANIFEST] = manifest_fd;
	fds[UNPACK_FD_TREE] = tree_fd;
	more[0] = request_fd;
	for (size_t i = 0; i < request->n_layers; i++)
		more[1 + i] = blob_fds[i];
	r = start(unpack_exe_fd, mode, fds, more, 1 + request->n_layers, &unpack, err);
	if (r >= 0)
		r = unpack_wait(unpack, &reply, err);
	return r < 0 ? r : take_result(mode, &reply, manifest_fd, ret, err);
}
