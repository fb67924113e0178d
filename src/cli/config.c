#include "cli/commands.h"
#include "cli/out.h"

struct config_args {
	bool pretty;
};

#define AT(member) offsetof(struct config_args, member)
static const struct opt config_opts[] = {
	{ "pretty-print", 0, OPT_FLAG, AT(pretty), NULL, "apply indent to format the output", .def = "true" },
	{}
};

static int config_run(struct cli *cli, void *args, char **argv, struct err *err)
{
	const struct config_args *a = args;
	AUTO(free) char *text = config_text(&cli->engine.config, a->pretty);

	out_text(text);
	out_text("\n");
	return 0;
}

const struct cmd cmd_config = {
	.name = "config", .args = "", .help = "print configuration for each stage in JSON format",
	.description = "Prints what the configuration files say, secrets included, in the form of those files.",
	.opts = { config_opts }, .args_size = sizeof(struct config_args), .run = config_run,
};
