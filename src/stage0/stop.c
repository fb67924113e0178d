#include "pod/contract.h"
#include "stage0/entry.h"

int pod_stop(const struct engine *e, struct pods *pods, struct pod *pod, bool force, struct err *err)
{
	AUTO(stage1_clear) struct stage1 stage1 = {};
	AUTO(strv_free) char **args = NULL;
	AUTO(close) int root = -1;
	const char *path;
	int r;

	r = pod_refresh(pods, pod, err);
	if (r < 0)
		return r;
	if (pod->state != POD_RUNNING)
		return err_set(err, -ERR_STATE, "pod \"%s\" is not running", pod->uuid);
	r = stage1_read(pod, &stage1, err);
	if (r >= 0)
		r = stage1_entry(&stage1, STAGE1_ENTRY_STOP, &path, err);
	if (r >= 0)
		r = stage1_open_root(e, pod, &root, err);
	if (r < 0)
		return r;
	strv_take(&args, xasprintf(POD_STAGE1_ROOTFS "%s", path));
	if (force)
		strv_add(&args, "--force");
	strv_add(&args, pod->uuid);
	return entry_run(root, path, pod, args, err);
}
