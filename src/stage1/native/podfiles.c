#include "stage1/native/podfiles.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/json.h"
#include "pod/contract.h"

int podfile_write(int dir_fd, const char *name, const char *text, mode_t mode, struct err *err)
{
	AUTO(free) char *temporary = xasprintf(".%s.new", name);
	int r = file_write(dir_fd, temporary, text, strlen(text), mode);

	if (r >= 0 && renameat(dir_fd, temporary, dir_fd, name) < 0)
		r = -errno;
	return r < 0 ? err_sys(err, r, "cannot write '%s'", name) : 0;
}

static int open_dir(const char *path, int *ret_fd, struct err *err)
{
	int r = dir_open(AT_FDCWD, path, ret_fd);

	if (r == -ENOENT) {
		r = dir_make_all(AT_FDCWD, path, 0755);
		if (r >= 0)
			r = dir_open(AT_FDCWD, path, ret_fd);
	}
	return r < 0 ? err_sys(err, r, "cannot open '%s'", path) : 0;
}

int podfile_status_dir(int *ret_fd, struct err *err)
{
	return open_dir(POD_STAGE1_ROOTFS "/" STAGE1_STATUS, ret_fd, err);
}

int podfile_write_env(const struct pod_plan *plan, struct err *err)
{
	AUTO(close) int fd = -1;
	int r = open_dir(POD_STAGE1_ROOTFS "/" STAGE1_ENV, &fd, err);

	for (size_t i = 0; i < plan->n_apps && r >= 0; i++) {
		AUTO(buf_clear) struct buf text = {};

		for (char **v = plan->apps[i].env; v && *v; v++) {
			buf_add_printable(&text, *v);
			buf_addc(&text, '\n');
		}
		r = file_write(fd, plan->apps[i].name, text.data ? text.data : "", text.len, 0644);
		if (r < 0)
			err_sys(err, r, "cannot write the environment of app '%s'", plan->apps[i].name);
	}
	return r;
}

int podfile_write_runtime(const struct run_args *a, const char *hostname, struct err *err)
{
	struct json_writer *w = json_writer_new(false);
	AUTO(free) char *text = NULL;

	json_open_object(w, NULL);
	json_write_text(w, "securityProfile", a->hardened ? "hardened" : "rkt");
	json_write_text(w, "net", a->net);
	json_write_text(w, "hostname", hostname);
	json_write_text(w, "ipc", a->ipc_parent ? "parent" : "private");
	json_write_bool(w, "debug", a->debug);
	json_write_bool(w, "interactive", a->interactive);
	json_write_bool(w, "disableCapabilitiesRestriction", a->disable_caps);
	json_write_bool(w, "disablePaths", a->disable_paths);
	json_write_bool(w, "disableSeccomp", a->disable_seccomp);
	json_close(w);
	text = json_writer_finish(w);
	return podfile_write(AT_FDCWD, POD_RUNTIME_CONFIG, text, 0640, err);
}
