#include <stdio.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "stage1/native/run.h"

/*
 * One static program for all entry points, chosen by the name it is called by.
 * A start costs a tenth of a millisecond so, and nothing is loaded from anywhere.
 */
static const struct entry {
	const char *name;
	int (*main)(char *const *argv, struct err *err);
} entries[] = {
	{ "init", run_main }, { "run", run_main }, { "enter", enter_main }, { "stop", stop_main }, { "gc", gc_main },
};

enum { EXIT_OURS = 254 };

int main(int argc, char **argv)
{
	AUTO(err_clear) struct err err = {};
	const char *name = argc ? path_last(argv[0]) : "";

	if (fd_std_fix() < 0)
		return EXIT_OURS;
	for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
		AUTO(free) char *text = NULL;
		int r;

		if (!str_eq(entries[i].name, name))
			continue;
		r = entries[i].main(argv, &err);
		if (r >= 0)
			return r;
		text = log_debugging() ? err_tree(&err) : err_text(&err);
		if (r != -ERR_EXIT)
			fprintf(stderr, "%s: %s\n", log_prefix(), text);
		return EXIT_OURS;
	}
	fputs("stage1: this is an engine of rkt, which starts it by the name of an entry point\n", stderr);
	return EXIT_OURS;
}
