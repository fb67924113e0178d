#include "cli/commands.h"
#include "cli/out.h"

static int help_run(struct cli *cli, void *args, char **argv, struct err *err)
{
	const struct cmd *topic = NULL;
	AUTO(free) char *text = NULL;
	int r;

	r = cmd_find(cli->commands, argv, &topic, err);
	if (r < 0)
		return err_set(err, -EINVAL, "unknown help topic \"%s\"", argv[0]);
	text = cmd_help_text(cli->commands, cli->globals, topic);
	out_text(text);
	return 0;
}

const struct cmd cmd_help = {
	.name = "help", .args = "[COMMAND]", .help = "help about any command", .max = -1, .plain = true,
	.words = WORDS_COMMANDS, .run = help_run,
};

/* A group has no file of its own. */
const struct cmd cmd_image = {
	.name = "image", .args = "[command]", .help = "operate on images in the local store",
};
