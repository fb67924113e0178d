#include "stage0/manifest.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>

#include "base/buf.h"
#include "os/caps.h"
#include "os/seccomp_sets.h"
#include "spec/isolator.h"

/* What the hardened profile leaves to an app that runs as root. */
static const caps_t default_caps =
	CAPS_BIT(CAP_CHOWN) | CAPS_BIT(CAP_DAC_OVERRIDE) | CAPS_BIT(CAP_FOWNER) | CAPS_BIT(CAP_FSETID) |
	CAPS_BIT(CAP_KILL) | CAPS_BIT(CAP_NET_BIND_SERVICE) | CAPS_BIT(CAP_SETFCAP) | CAPS_BIT(CAP_SETGID) |
	CAPS_BIT(CAP_SETPCAP) | CAPS_BIT(CAP_SETUID) | CAPS_BIT(CAP_SYS_CHROOT);

static bool cap_is_default(const char *name)
{
	int number;

	return caps_number(name, &number, NULL) >= 0 && default_caps & CAPS_BIT(number);
}

/* Is that word of len bytes in the list of words divided by spaces? */
static bool has_word(const char *list, const char *word, size_t len)
{
	for (const char *p = list; *p; p += strspn(p, " ")) {
		size_t n = strcspn(p, " ");

		if (n == len && !memcmp(p, word, len))
			return true;
		p += n;
	}
	return false;
}

/* Calls that an app may make without anybody asking for them, in one profile or the other. */
static bool call_is_default(const char *call, size_t len)
{
	return has_word(seccomp_set_hardened, call, len) || has_word(seccomp_set_needed, call, len) ||
	       has_word(seccomp_set_rkt_whitelist, call, len);
}

/* Does a call or "@group" of a retain set allow more than there is by default? "@appc.io/all" is no list of calls. */
static bool is_wide(const char *name)
{
	const char *calls = *name == '@' ? seccomp_wildcard(name) : name;

	if (!calls)
		return true;
	while (*calls) {
		size_t len = strcspn(calls, " ");

		if (!call_is_default(calls, len))
			return true;
		calls += len;
		calls += strspn(calls, " ");
	}
	return false;
}

static int refuse(const struct app_image *image, const char *what, const char *flag, struct err *err)
{
	return err_set(err, -EPERM,
		       "image \"%s\" asks for %s, and no trusted key vouches for it (to allow it, repeat it with --%s)",
		       image->manifest->name, what, flag);
}

static int check_caps(const struct app_image *image, const struct isolation *wish, struct err *err)
{
	AUTO(free) char *what = NULL;
	struct buf names = {};

	if (wish->caps_mode != SET_RETAIN)
		return 0;
	for (char **cap = wish->caps; cap && *cap; cap++)
		if (!cap_is_default(*cap))
			buf_addf(&names, "%s%s", names.len ? "," : "", *cap);
	if (!names.len)
		return 0;
	what = xasprintf("capability %s", names.data);
	buf_clear(&names);
	return refuse(image, what, "caps-retain", err);
}

/* A set that is removed takes away from what the hardened profile allows: only a retained one can widen it. */
static int check_seccomp(const struct app_image *image, const struct isolation *wish, struct err *err)
{
	if (wish->seccomp_mode != SET_RETAIN)
		return 0;
	for (char **call = wish->seccomp; call && *call; call++) {
		AUTO(free) char *what = NULL;

		if (!is_wide(*call))
			continue;
		what = xasprintf("system call %s", *call);
		return refuse(image, what, "seccomp", err);
	}
	return 0;
}

/* Below 0 the kernel kills what else runs on the host first. */
static int check_oom_score(const struct app_image *image, const struct isolation *wish, struct err *err)
{
	AUTO(free) char *what = NULL;

	if (!wish->oom_score_adj.set || wish->oom_score_adj.value >= 0)
		return 0;
	what = xasprintf("oom-score-adj %lld", (long long)wish->oom_score_adj.value);
	return refuse(image, what, "oom-score-adj", err);
}

int app_check_privileges(const struct app_image *image, const struct app_request *r, unsigned insecure,
			 struct err *err)
{
	AUTO(isolation_clear) struct isolation wish = {};
	const struct app *app = image->manifest->app;
	bool caps_given = r && (r->caps_retain || r->caps_remove);
	bool seccomp_given = r && r->seccomp;
	int k;

	if (!app || image->verified)
		return 0;
	k = isolation_read(app->isolators, app->n_isolators, &wish, err);
	if (k >= 0 && !caps_given && !(insecure & INSECURE_CAPABILITIES))
		k = check_caps(image, &wish, err);
	if (k >= 0 && !seccomp_given && !(insecure & INSECURE_SECCOMP))
		k = check_seccomp(image, &wish, err);
	if (k >= 0 && !(r && r->oom_score_adj))
		k = check_oom_score(image, &wish, err);
	return k;
}
