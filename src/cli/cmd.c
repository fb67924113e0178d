#include "cli/cmd.h"

#include <string.h>

#include "base/table.h"
#include "config.h"

const char *cmd_leaf(const struct cmd *cmd)
{
	const char *space = strrchr(cmd->name, ' ');

	return space ? space + 1 : cmd->name;
}

/* The n-th word of a command's name; its length is 0 past the last one. */
static const char *name_word(const struct cmd *cmd, size_t n, size_t *ret_len)
{
	const char *p = cmd->name;

	for (; n && *p; n--) {
		p += strcspn(p, " ");
		p += strspn(p, " ");
	}
	*ret_len = strcspn(p, " ");
	return p;
}

/* Do the first n words of both names agree? */
static bool same_words(const struct cmd *a, const struct cmd *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t a_len, b_len;
		const char *a_word = name_word(a, i, &a_len), *b_word = name_word(b, i, &b_len);

		if (a_len != b_len || strncmp(a_word, b_word, a_len) != 0)
			return false;
	}
	return true;
}

/*
 * The command whose name goes on with word after the depth words that group has.
 * A whole word wins; a beginning counts only if it fits one word.
 */
static const struct cmd *find_word(const struct cmd *const *commands, const struct cmd *group, size_t depth,
				   const char *word)
{
	const struct cmd *found = NULL;
	size_t len = strlen(word), fits = 0;

	for (; len && *commands; commands++) {
		size_t name_len;
		const char *name = name_word(*commands, depth, &name_len);

		if (name_len < len || strncmp(name, word, len) != 0 || (group && !same_words(*commands, group, depth)))
			continue;
		if (name_len == len)
			return *commands;
		if (!found || !same_words(*commands, found, depth + 1)) {
			found = *commands;
			fits++;
		}
	}
	return fits == 1 ? found : NULL;
}

int cmd_find(const struct cmd *const *commands, char *const *argv, const struct cmd **ret, struct err *err)
{
	const struct cmd *found = NULL, *next;
	int n = 0;

	while (argv[n] && (!found || !found->run)) {
		next = find_word(commands, found, (size_t)n, argv[n]);
		if (!next)
			break;
		found = next;
		n++;
	}
	*ret = found;
	if (argv[n] && (!found || (!found->run && argv[n][0] != '-')))
		return err_set(err, -ERR_USAGE, "unknown command \"%s\" for \"rkt%s%s\"", argv[n], found ? " " : "",
			       found ? found->name : "");
	return n;
}

static bool is_below(const struct cmd *cmd, const struct cmd *group)
{
	size_t len = strlen(group->name);

	return !strncmp(cmd->name, group->name, len) && cmd->name[len] == ' ';
}

static void add_indented(struct buf *out, const char *title, const char *text)
{
	buf_addf(out, "%s:\n", title);
	while (*text) {
		size_t len = strcspn(text, "\n");

		buf_addf(out, "%s%.*s\n", len ? "\t" : "", (int)len, text);
		text += len + (text[len] == '\n');
	}
	buf_addc(out, '\n');
}

static void add_commands(struct buf *out, const struct cmd *const *commands, const struct cmd *group)
{
	AUTO(table_clear) struct table table = {};

	for (; *commands; commands++) {
		if ((*commands)->hidden || !(*commands)->run || (group && !is_below(*commands, group)))
			continue;
		table_row(&table);
		table_cell(&table, "");		/* a margin of one tab */
		table_cell(&table, group ? cmd_leaf(*commands) : (*commands)->name);
		table_cell(&table, (*commands)->help);
	}
	buf_adds(out, "COMMANDS:\n");
	table_write(&table, out);
	buf_addc(out, '\n');
}

char *cmd_help_text(const struct cmd *const *commands, const struct opt *const *globals, const struct cmd *cmd)
{
	const char *args = cmd ? cmd->args : "[command]";
	struct buf out = {};

	buf_addf(&out, "NAME:\n\trkt%s%s - %s\n\n", cmd ? " " : "", cmd ? cmd->name : "",
		 cmd ? cmd->help : "runs pods of application containers");
	buf_addf(&out, "USAGE:\n\trkt%s%s%s%s\n\n", cmd ? " " : "", cmd ? cmd->name : "", *args ? " " : "", args);
	if (!cmd)
		buf_adds(&out, "VERSION:\n\t" RKT_VERSION "\n\n");
	if (!cmd || !cmd->run)
		add_commands(&out, commands, cmd);
	if (cmd && cmd->description)
		add_indented(&out, "DESCRIPTION", cmd->description);
	if (!cmd)
		add_indented(&out, "DESCRIPTION", "A container engine without a daemon: finds images, verifies who signed\n"
						  "them, and runs them together as pods.");
	if (cmd && cmd->opts[0]) {
		buf_adds(&out, "OPTIONS:\n");
		opt_help(&out, cmd->opts);
		buf_addc(&out, '\n');
	}
	buf_adds(&out, cmd ? "GLOBAL OPTIONS:\n" : "OPTIONS:\n");
	opt_help(&out, globals);
	return buf_steal(&out);
}
