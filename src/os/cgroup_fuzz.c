#include <stdint.h>
#include <string.h>

#include "os/cgroup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A record that parses leads to a group called as ours are, whatever a pod's directory says. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(free) char *text = xstrndup((const char *)data, size);
	AUTO(strv_free) char **lines = strv_split(text, '\n');
	struct cgroup_layout layout;
	enum cgroup_hierarchy h;
	const char *path;

	for (char **line = lines; *line; line++)
		if (cgroup_record_parse(*line, "rkt-1", &h, &path) == 0 && (*path != '/' || strstr(path, "/../")))
			abort();
	cgroup_layout_parse("/sys/fs/cgroup", text, false, true, &layout);
	cgroup_layout_clear(&layout);
	return 0;
}
