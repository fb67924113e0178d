#include <stdint.h>
#include <string.h>

#include "spec/isolator.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_overrides(const char *text)
{
	AUTO(app_free) struct app *app = xcalloc(1, sizeof(*app));
	AUTO(isolation_clear) struct isolation isolation = {};

	app_override_memory(app, text, NULL);
	app_override_cpu(app, text, NULL);
	app_override_cpu_shares(app, text, NULL);
	app_override_oom_score_adj(app, text, NULL);
	app_override_caps(app, SET_RETAIN, text, NULL);
	app_override_seccomp(app, text, NULL);
	if (isolation_read(app->isolators, app->n_isolators, &isolation, NULL) < 0)
		abort();
}

static void check_quantity(const char *text)
{
	int64_t whole = 0, milli = 0;

	if (quantity_parse_milli(text, &milli, NULL) < 0)
		return;
	if (quantity_parse(text, &whole, NULL) < 0 || whole != milli / 1000 + (milli % 1000 != 0))
		abort();
}

/* "NAME VALUE", as in a manifest, or one of the command line's forms, which must give what a manifest may hold. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(free) char *text = xstrndup((const char *)data, size);
	char *space = strchr(text, ' ');

	check_overrides(text);
	check_quantity(text);
	if (space) {
		struct isolator isolator = { .name = text, .value = space + 1 };
		AUTO(isolation_clear) struct isolation isolation = {};

		*space = 0;
		(void)isolation_read(&isolator, 1, &isolation, NULL);
	}
	return 0;
}
