#include "cli/pod_arg.h"

#include "cli/out.h"

static int read_file(const char *path, char **ret)
{
	AUTO(err_clear) struct err why = {};
	int r;

	r = uuid_file_read(path, ret, &why);
	if (r >= 0)
		return 0;
	err_wrap(&why, r, "unable to resolve UUID from file");
	out_failure(&why);
	return EXIT_BAD_UUID_FILE;
}

int pod_arg_find(struct cli *cli, const char *uuid, const char *uuid_file, struct pods **ret_pods, struct pod *ret,
		 struct err *err)
{
	AUTO(free) char *from_file = NULL;
	int r;

	if (!uuid == !uuid_file)
		return -ERR_USAGE;
	if (uuid_file) {
		r = read_file(uuid_file, &from_file);
		if (r)
			return r;
	}
	r = pods_open(cli->engine.data_dir, false, ret_pods, err);
	if (r < 0)
		return r;
	r = pod_find(*ret_pods, uuid ? uuid : from_file, ret, err);
	return r < 0 ? err_wrap(err, r, "problem retrieving pod") : 0;
}

int pod_arg_each(struct cli *cli, char *const *uuids, const char *uuid_file,
		 int (*each)(struct cli *cli, struct pods *pods, struct pod *pod, void *arg, struct err *err), void *arg,
		 struct err *err)
{
	AUTO(pods_close) struct pods *pods = NULL;
	AUTO(free) char *from_file = NULL;
	int r, failed = 0;

	if (!uuids[0] == !uuid_file)
		return -ERR_USAGE;
	r = uuid_file ? read_file(uuid_file, &from_file) : 0;
	if (r)
		return -ERR_EXIT;
	r = pods_open(cli->engine.data_dir, false, &pods, err);
	if (r < 0)
		return r;
	for (char *const one[] = { from_file, NULL }, *const *u = uuid_file ? one : uuids; *u; u++) {
		AUTO(pod_close) struct pod pod = POD_NONE;
		AUTO(err_clear) struct err why = {};

		r = pod_find(pods, *u, &pod, &why);
		if (r < 0)
			err_wrap(&why, r, "cannot get pod");
		else
			r = each(cli, pods, &pod, arg, &why);
		if (r >= 0)
			continue;
		out_failure(&why);
		failed++;
	}
	return failed;
}
