#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H
#include "cli/cmd.h"

extern const struct cmd cmd_cat_manifest, cmd_completion, cmd_config, cmd_enter, cmd_fetch, cmd_fsck, cmd_gc,
	cmd_help, cmd_image, cmd_image_cat_manifest, cmd_image_export, cmd_image_extract, cmd_image_fetch, cmd_image_gc, cmd_image_import, cmd_image_list,
	cmd_image_render, cmd_image_rm, cmd_image_verify, cmd_list, cmd_prepare, cmd_rm, cmd_run, cmd_run_prepared,
	cmd_status, cmd_stop, cmd_trust, cmd_version;
#endif
