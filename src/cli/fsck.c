#include "base/log.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/out.h"
#include "stage0/fsck.h"

struct fsck_args {
	bool repair, check_content;
	enum format format;
	struct json_writer *json;	/* what was found so far */
	size_t found, left;
};

#define AT(member) offsetof(struct fsck_args, member)
static const struct opt fsck_opts[] = {
	{ "check-content", 0, OPT_FLAG, AT(check_content), NULL, "also read every blob against its hash" },
	FORMAT_OPT(AT(format)),
	{ "repair", 0, OPT_FLAG, AT(repair), NULL, "mend what can be mended" },
	{}
};

static const char *const outcomes[] = {
	[PROBLEM_FOUND] = "found", [PROBLEM_MENDED] = "repaired", [PROBLEM_LEFT] = "left",
};

static void tell_line(const struct problem *p)
{
	if (p->outcome == PROBLEM_LEFT && p->why)
		out_line("%s: %s: %s: %s: %s: %s", p->kind, p->object, p->words, p->cure, outcomes[p->outcome], p->why);
	else if (p->outcome == PROBLEM_FOUND)
		out_line("%s: %s: %s: %s", p->kind, p->object, p->words, p->cure);
	else
		out_line("%s: %s: %s: %s: %s", p->kind, p->object, p->words, p->cure, outcomes[p->outcome]);
}

static void tell_json(struct json_writer *w, const struct problem *p)
{
	json_open_object(w, NULL);
	json_write_text(w, "kind", p->kind);
	json_write_text(w, "object", p->object);
	json_write_text(w, "problem", p->words);
	json_write_text(w, "action", p->cure);
	json_write_text(w, "outcome", outcomes[p->outcome]);
	if (p->why)
		json_write_text(w, "reason", p->why);
	json_close(w);
}

static void tell(void *arg, const struct problem *p)
{
	struct fsck_args *a = arg;

	a->found++;
	a->left += p->outcome != PROBLEM_MENDED;
	if (a->json)
		tell_json(a->json, p);
	else
		tell_line(p);
}

static void end_json(struct fsck_args *a)
{
	AUTO(free) char *text = NULL;

	if (!a->json)
		return;
	json_close(a->json);
	text = json_writer_finish(a->json);
	out_text(text);
	out_text("\n");
}

static int fsck_run(struct cli *cli, void *args, char **argv, struct err *err)
{
	struct fsck_args *a = args;
	const struct fsck request = { .repair = a->repair, .contents = a->check_content, .tell = tell, .tell_arg = a };
	bool partly = false;
	int r;

	if (a->format != FORMAT_TABLE) {
		a->json = json_writer_new(a->format == FORMAT_JSON_PRETTY);
		json_open_array(a->json, NULL);
	}
	r = engine_fsck(&cli->engine, &request, &partly, err);
	end_json(a);
	if (r < 0)
		return r;
	(void)out_flush(NULL);
	if (partly)
		log_info("others are using the store: what is left over was not looked for");
	if (a->found > a->left)
		log_info("%zu problem(s) repaired", a->found - a->left);
	return a->left ? err_set(err, -ERR_STATE, "%zu problem(s) found%s", a->left,
				 a->repair ? " that could not be repaired" : ": see rkt fsck --repair") : 0;
}

const struct cmd cmd_fsck = {
	.name = "fsck", .args = "[--repair] [--check-content]", .help = "look for damage in the data directory, and mend it",
	.description = "Tells of images that lack something, trees that are not whole, files that nobody needs, and what\n"
		       "pods left mounted or in control groups: one line each with its kind, the object, what is wrong\n"
		       "and what to do. With --repair that is done. Nothing that a pod or another rkt uses is removed.\n"
		       "The exit status is 0 if all is well in the end.",
	.opts = { fsck_opts }, .args_size = sizeof(struct fsck_args), .looks = true, .run = fsck_run,
};
