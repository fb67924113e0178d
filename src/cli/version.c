#include "cli/commands.h"
#include "cli/out.h"
#include "config.h"

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

static int version_run(struct cli *cli, void *args, char **argv, struct err *err)
{
	out_line("rkt Version: %s", RKT_VERSION);
	out_line("appc Version: %s", APPC_VERSION);
	out_line("Compiler Version: %s", COMPILER);
	out_line("OS/Arch: %s/%s", host_os(), host_arch());
	out_line("Features: -TPM -SDJOURNAL");
	return 0;
}

const struct cmd cmd_version = {
	.name = "version", .args = "", .help = "print the version and exit", .plain = true, .run = version_run,
};
