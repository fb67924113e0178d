#ifndef STAGE1_NATIVE_ARGS_H
#define STAGE1_NATIVE_ARGS_H
#include <stdbool.h>

#include "base/err.h"

/* What stage0 asks of the entry points (inventory 6.1, 6.2). Strings point into argv. */

enum dns_mode { DNS_DEFAULT, DNS_HOST, DNS_STAGE0, DNS_NONE };

struct run_args {
	bool debug, interactive, is_mutable;
	bool disable_caps, disable_paths, disable_seccomp;
	const char *net, *private_users, *mds_token, *local_config, *hostname, *dns, *ipc, *profile;
	const char *uuid;
	/* What the words above mean. */
	bool net_host, ipc_parent, hardened;
	enum dns_mode resolv, hosts;
};

/* What this engine cannot do (other networks, user namespaces, mutable pods) is refused here, in one line. */
int run_args_parse(char *const *argv, struct run_args *ret, struct err *err);

struct enter_args {
	const char *pid, *app;
	char *const *command;
};
int enter_args_parse(char *const *argv, struct enter_args *ret, struct err *err);

/* gc and stop: flags and the pod's UUID. */
struct pod_args {
	bool debug, force;
	const char *local_config, *uuid;
};
int pod_args_parse(char *const *argv, struct pod_args *ret, struct err *err);

/* 8-4-4-4-12 lower-case hex digits: it becomes the name of directories. */
bool uuid_ok(const char *s);
#endif
