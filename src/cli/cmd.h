#ifndef CLI_CMD_H
#define CLI_CMD_H
#include "base/opt.h"
#include "stage0/stage0.h"
/*
 * Commands as tables. A command is its file, which defines one struct cmd, and a
 * line in commands.c; the parser, help and completion read the rest off it.
 */
enum { EXIT_FAILED = 254, EXIT_NO_COMMAND = 2, EXIT_BAD_UUID_FILE = 1 };

enum words { WORDS_NONE, WORDS_PODS, WORDS_IMAGES, WORDS_FILES, WORDS_SHELLS, WORDS_COMMANDS };

struct cli;

struct cmd {
	const char *name;		/* "list", or "image list" */
	const char *args;		/* what follows the name in the usage line */
	const char *help;		/* one line */
	const char *description;	/* more lines, NULL: none */
	int min, max;			/* how many words are left after the options; max -1: any number */
	bool first_ends;		/* options after the first word are that word's, not ours */
	bool superuser;			/* only root may */
	bool plain;			/* needs neither configuration nor data directory */
	bool looks;			/* goes over all that is there: says so if there is no data directory */
	bool hidden;
	enum words words;		/* what the words are, for completion */
	const struct opt *opts[8];	/* tables over args; ends with NULL */
	size_t args_size;

	/*
	 * Takes the whole command line instead of opt_parse(): the grammar of
	 * images, where the order of options matters. sets[0] is this command's.
	 */
	int (*parse)(const struct opt_set *sets, size_t n, char *const *argv, void *args, struct err *err);

	/*
	 * argv holds the words, NULL-terminated. Returns 0, a failure, or a
	 * positive exit status where all is said already. -ERR_USAGE without
	 * words shows the usage. NULL: a group of commands, "image".
	 */
	int (*run)(struct cli *cli, void *args, char **argv, struct err *err);
	void (*clear)(void *args);	/* frees what no option row frees; NULL: nothing */
};

/* What a running command knows. */
struct cli {
	struct engine engine;
	const struct cmd *const *commands;	/* all of them; ends with NULL */
	const struct opt *const *globals;	/* tables of the global options */
};

/*
 * Finds the command that argv begins with; an unambiguous beginning of a name
 * will do. Returns how many words the name took. 0: argv is empty.
 * -ERR_USAGE: there is none, err says so as cobra does, and *ret is the group
 * that lacks it or NULL.
 */
int cmd_find(const struct cmd *const *commands, char *const *argv, const struct cmd **ret, struct err *err);

const char *cmd_leaf(const struct cmd *cmd);	/* the last word of the name: in front of messages */

/* The help of a command, or with NULL of rkt itself. The caller frees it. */
char *cmd_help_text(const struct cmd *const *commands, const struct opt *const *globals, const struct cmd *cmd);

/* A bash script that completes commands, options, pods and images. The caller frees it. */
char *completion_bash(const struct cmd *const *commands, const struct opt *const *globals);
#endif
