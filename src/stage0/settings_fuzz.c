#include "stage0/settings.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One file, read as if it lay in each of the directories. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const dir_names[] = { "auth.d", "limits.d", "paths.d", "registries.d", "stage1.d" };
	AUTO(config_clear) struct config c = {};
	struct json_writer *w;

	for (size_t i = 0; i < ARRAY_LEN(dir_names); i++) {
		AUTO(config_clear) struct config level = {};
		AUTO(err_clear) struct err err = {};

		if (config_read_text(dir_names[i], "/etc/rkt/x.json", (const char *)data, size, &level, &err) >= 0)
			config_override(&c, &level);
	}
	w = json_writer_new(true);
	json_open_object(w, NULL);
	config_write(w, &c);
	json_close(w);
	free(json_writer_finish(w));
	return 0;
}
