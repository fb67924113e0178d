#include <errno.h>
#include <fcntl.h>

#include "base/fd.h"
#include "base/log.h"
#include "os/cgroup.h"
#include "pod/contract.h"
#include "stage1/native/args.h"
#include "stage1/native/run.h"

enum { RECORD_MAX = 16 << 10 };

/*
 * A supervisor that was killed left its control groups. Everything else of a
 * pod, its mounts and namespaces, went with its last process.
 */
int gc_main(char *const *argv, struct err *err)
{
	AUTO(free) char *name = NULL, *record = NULL;
	struct pod_args args;
	int r;

	log_set_prefix("gc");
	r = pod_args_parse(argv, &args, err);
	if (r < 0)
		return r;
	r = file_read(AT_FDCWD, POD_SUBCGROUP, RECORD_MAX, &record, NULL);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return err_sys(err, r, "cannot read '" POD_SUBCGROUP "'");
	name = xasprintf("rkt-%s", args.uuid);
	return cgroup_record_remove(record, name, err);
}
