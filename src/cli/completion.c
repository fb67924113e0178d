#include <string.h>

#include "cli/commands.h"
#include "cli/out.h"

/* The part that does not depend on the tables. */
static const char script_head[] =
	"# bash completion for rkt\n"
	"\n"
	"__rkt_pods() { rkt \"${__rkt_dirs[@]}\" list --no-legend --full 2>/dev/null | cut -f1 | grep .; }\n"
	"__rkt_images() { rkt \"${__rkt_dirs[@]}\" image list --no-legend --full --fields=id 2>/dev/null; }\n"
	"__rkt_reply() { COMPREPLY=($(compgen \"$@\" -- \"$__rkt_cur\")); }\n"
	"\n"
	"# What an option's value may be: $1 as the help names it.\n"
	"__rkt_value() {\n"
	"\tcase $1 in\n"
	"\tDIR) __rkt_reply -d ;;\n"
	"\t*FILE*) __rkt_reply -f ;;\n"
	"\t*'|'*) __rkt_reply -W \"${1//|/ }\" ;;\n"
	"\tesac\n"
	"}\n"
	"\n";

static const char script_tail[] =
	"__rkt() {\n"
	"\tlocal __rkt_cur=${COMP_WORDS[COMP_CWORD]} cmd= words= options= value= i word last= skip=\n"
	"\tlocal -a __rkt_dirs=()\n"
	"\tCOMPREPLY=()\n"
	"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	"\t\tword=${COMP_WORDS[i]}\n"
	"\t\t# bash has cut \"--name=value\" into three words\n"
	"\t\tif [[ $word == '=' ]]; then skip=1; continue; fi\n"
	"\t\tif [[ $skip ]]; then\n"
	"\t\t\tskip=\n"
	"\t\t\t[[ $last == --dir ]] && __rkt_dirs=(\"--dir=$word\")\n"
	"\t\t\tlast=\n"
	"\t\t\tcontinue\n"
	"\t\tfi\n"
	"\t\tlast=$word\n"
	"\t\tif [[ $word == -* ]]; then\n"
	"\t\t\t__rkt_option \"$cmd\" \"$word\"\n"
	"\t\t\t[[ $value && ${COMP_WORDS[i + 1]} != '=' ]] && skip=1\n"
	"\t\t\tcontinue\n"
	"\t\tfi\n"
	"\t\tlast=\n"
	"\t\t__rkt_is_command \"${cmd:+$cmd }$word\" && cmd=\"${cmd:+$cmd }$word\"\n"
	"\tdone\n"
	"\tif [[ $__rkt_cur == '=' ]]; then __rkt_cur= skip=1; fi\n"
	"\tif [[ $skip && $last ]]; then\n"
	"\t\t__rkt_option \"$cmd\" \"$last\"\n"
	"\t\t__rkt_value \"$value\"\n"
	"\t\treturn\n"
	"\tfi\n"
	"\t__rkt_command \"$cmd\"\n"
	"\tif [[ $__rkt_cur == -* ]]; then __rkt_reply -W \"$options\"; return; fi\n"
	"\tcase $words in\n"
	"\tpods) __rkt_reply -W \"$(__rkt_pods)\" ;;\n"
	"\timages) __rkt_reply -W \"$(__rkt_images)\" ;;\n"
	"\tfiles) __rkt_reply -f ;;\n"
	"\t*) __rkt_reply -W \"$words\" ;;\n"
	"\tesac\n"
	"}\n"
	"complete -o default -F __rkt rkt\n";

static void add_options(struct buf *out, const struct opt *const *tables)
{
	AUTO(free) const struct opt **list = opt_sorted(tables);

	for (const struct opt **o = list; *o; o++)
		buf_addf(out, " --%s", (*o)->name);
}

/* "case" arms that set value for the options of some tables that take one. */
static void add_values(struct buf *out, const char *command, const struct opt *const *tables)
{
	AUTO(free) const struct opt **list = opt_sorted(tables);

	for (const struct opt **o = list; *o; o++)
		if (opt_needs_value(*o))
			buf_addf(out, "\t'%s --%s') value='%s' ;;\n", command, (*o)->name,
				 (*o)->value ? (*o)->value : "TEXT");
}

/* The words below a group ("": the top), each once. */
static void add_names(struct buf *out, const struct cmd *const *commands, const char *group)
{
	size_t len = strlen(group);

	for (; *commands; commands++) {
		const char *name = (*commands)->name;

		if ((*commands)->hidden || strncmp(name, group, len) != 0 || (len && name[len] != ' '))
			continue;
		name += len ? len + 1 : 0;
		if (!strchr(name, ' '))
			buf_addf(out, " %s", name);
	}
}

static const char *const word_kinds[] = {
	[WORDS_NONE] = "", [WORDS_PODS] = "pods", [WORDS_IMAGES] = "images", [WORDS_FILES] = "files",
	[WORDS_SHELLS] = "bash",
};

static void add_command(struct buf *out, const struct cmd *const *commands, const struct cmd *cmd)
{
	buf_addf(out, "\t'%s') words='", cmd->name);
	if (!cmd->run)
		add_names(out, commands, cmd->name);
	else if (cmd->words == WORDS_COMMANDS)
		add_names(out, commands, "");
	else
		buf_adds(out, word_kinds[cmd->words]);
	buf_adds(out, "' options=\"$globals");
	add_options(out, cmd->opts);
	buf_adds(out, "\" ;;\n");
}

char *completion_bash(const struct cmd *const *commands, const struct opt *const *globals)
{
	struct buf out = {};

	buf_adds(&out, script_head);
	buf_adds(&out, "__rkt_is_command() {\n\tcase $1 in\n\t");
	for (size_t i = 0; commands[i]; i++)
		buf_addf(&out, "%s'%s'", i ? "|" : "", commands[i]->name);
	buf_adds(&out, ") return 0 ;;\n\tesac\n\treturn 1\n}\n\n");

	buf_adds(&out, "# Sets words (what may follow) and options of the command $1.\n"
		       "__rkt_command() {\n\tlocal globals='");
	add_options(&out, globals);
	buf_adds(&out, "'\n\tcase $1 in\n\t'') words='");
	add_names(&out, commands, "");
	buf_adds(&out, "' options=$globals ;;\n");
	for (size_t i = 0; commands[i]; i++)
		add_command(&out, commands, commands[i]);
	buf_adds(&out, "\tesac\n}\n\n");

	buf_adds(&out, "# Sets value if option $2 of command $1 needs one.\n"
		       "__rkt_option() {\n\tvalue=\n\tcase \" $2\" in\n");
	add_values(&out, "", globals);
	buf_adds(&out, "\tesac\n\tcase \"$1 $2\" in\n");
	for (size_t i = 0; commands[i]; i++)
		add_values(&out, commands[i]->name, commands[i]->opts);
	buf_adds(&out, "\tesac\n}\n\n");
	buf_adds(&out, script_tail);
	return buf_steal(&out);
}

static int completion_run(struct cli *cli, void *args, char **argv, struct err *err)
{
	AUTO(free) char *script = NULL;

	if (!argv[0])
		return err_set(err, -EINVAL, "shell type is not specified");
	if (argv[1])
		return err_set(err, -EINVAL, "too many arguments, only shell type is expected");
	if (!str_eq(argv[0], "bash"))
		return err_set(err, -EINVAL, "'%s' shell is not supported", argv[0]);
	script = completion_bash(cli->commands, cli->globals);
	out_text(script);
	return 0;
}

const struct cmd cmd_completion = {
	.name = "completion", .args = "SHELL", .help = "output shell completion code for the specified shell",
	.description = "Prints a script; bash is the one shell. To try it: source <(rkt completion bash)",
	.max = -1, .plain = true, .words = WORDS_SHELLS, .run = completion_run,
};
