#include "stage0/entry.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/vfs.h>

#include "base/fd.h"
#include "base/path.h"
#include "base/proc.h"
#include "os/mount.h"
#include "pod/contract.h"
#include "stage0/tree.h"

/* --- what the manifest says --------------------------------------------- */

static const char *annotation_get(const struct stage1 *s, const char *name)
{
	const struct json_value *list = json_get(json_root(s->manifest), "annotations");

	for (const struct json_value *v = list ? list->child : NULL; v; v = v->next)
		if (str_eq(json_get_text(v, "name"), name))
			return json_get_text(v, "value");
	return NULL;
}

int stage1_read(const struct pod *pod, struct stage1 *ret, struct err *err)
{
	AUTO(stage1_clear) struct stage1 s = { .version = 1 };
	AUTO(free) char *text = NULL;
	unsigned long long version;
	const char *said;
	size_t len = 0;
	int r;

	r = file_read(pod->fd, POD_STAGE1 "/manifest", MANIFEST_MAX_BYTES, &text, &len);
	if (r < 0)
		return err_sys(err, r, "cannot read the stage1 manifest of pod \"%s\"", pod->uuid);
	r = json_parse(text, len, &s.manifest, err);
	if (r < 0)
		return err_wrap(err, r, "cannot read the stage1 manifest of pod \"%s\"", pod->uuid);
	said = annotation_get(&s, STAGE1_INTERFACE);
	if (said) {
		if (str_to_u64(said, INT32_MAX, &version) < 0 || !version)
			return err_set(err, -ERR_BAD_INPUT, "the stage1 has no sensible interface version: '%s'", said);
		s.version = (int)version;
	}
	*ret = s;
	s = (struct stage1){};
	return 0;
}

void stage1_clear(struct stage1 *s)
{
	json_free(s->manifest);
	*s = (struct stage1){};
}

int stage1_entry(const struct stage1 *s, const char *annotation, const char **ret, struct err *err)
{
	const char *path = annotation_get(s, annotation);

	if (!path)
		return err_set(err, -ERR_NOT_FOUND, "error determining '%s' entrypoint", path_last(annotation));
	if (!path_is_clean(path) || str_eq(path, "/"))
		return err_set(err, -ERR_BAD_INPUT, "the stage1's '%s' entrypoint is no clean absolute path: '%s'",
			       path_last(annotation), path);
	*ret = path;
	return 0;
}

/* --- its files ---------------------------------------------------------- */

int stage1_open_stored_root(const struct engine *e, const struct pod *pod, int *ret_fd, struct err *err)
{
	AUTO(free) char *tree = pod_tree_id(pod, NULL);
	AUTO(store_close) struct store *store = NULL;
	int r;

	if (!tree)
		return err_set(err, -ERR_NOT_FOUND, "pod \"%s\" names no stage1 in the store", pod->uuid);
	r = store_open(e->data_dir, STORE_READ, &store, err);
	return r < 0 ? r : tree_open(e, store, tree, TREE_TO_READ, ret_fd, err);
}

int stage1_open_root(const struct engine *e, const struct pod *pod, int *ret_fd, struct err *err)
{
	AUTO(free) char *tree = pod_tree_id(pod, NULL);
	int r;

	if (tree)
		return stage1_open_stored_root(e, pod, ret_fd, err);
	r = dir_open(pod->fd, POD_STAGE1_ROOTFS, ret_fd);
	return r < 0 ? err_sys(err, r, "cannot open the stage1 of pod \"%s\"", pod->uuid) : 0;
}

static bool is_on_index(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == EROFS_SUPER_MAGIC_V1;
}

int stage1_open_exe(int root_fd, const char *path, int *ret_fd, struct err *err)
{
	AUTO(close) int file = path_open_in(root_fd, path, O_PATH), clone = -1;
	int r;

	if (file < 0)
		return err_sys(err, file, "cannot open the stage1's program '%s'", path);
	/* There is no way to write to such a file. */
	if (is_on_index(file)) {
		*ret_fd = TAKE_FD(file);
		return 0;
	}
	r = mount_clone(file, "", false, &clone, err);
	if (r >= 0)
		r = mount_set(clone, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, 0, false, err);
	if (r < 0)
		return err_wrap(err, r, "cannot protect the stage1's program '%s'", path);
	*ret_fd = TAKE_FD(clone);
	return 0;
}

/* --- running ------------------------------------------------------------ */

char **entry_env(void)
{
	const char *term = getenv("TERM");
	char **env = NULL;

	strv_add(&env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	if (term)
		strv_take(&env, xasprintf("TERM=%s", term));
	return env;
}

static int enter_pod_dir(void *arg, struct err *err)
{
	const struct pod *pod = arg;

	return fchdir(pod->fd) < 0 ? err_sys(err, -errno, "cannot enter the directory of pod \"%s\"", pod->uuid) : 0;
}

int entry_run(int root_fd, const char *path, const struct pod *pod, char *const *args, struct err *err)
{
	static const int std[] = { STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO };
	AUTO(strv_free) char **env = entry_env();
	AUTO(close) int exe = -1, pidfd = -1;
	struct proc proc = {
		.argv = args, .env = env, .fds = std, .n_fds = ARRAY_LEN(std),
		.before_exec = enter_pod_dir, .arg = (void *)pod,
	};
	int r;

	r = stage1_open_exe(root_fd, path, &exe, err);
	if (r < 0)
		return r;
	proc.exe_fd = exe;
	r = proc_start(&proc, NULL, &pidfd, err);
	if (r < 0)
		return r;
	r = proc_wait(pidfd);
	if (r < 0)
		return err_sys(err, r, "cannot wait for the stage1's '%s'", path);
	if (r > 0)
		return err_set(err, -EREMOTEIO, "the stage1's '%s' failed with %d", path, r);
	return 0;
}
