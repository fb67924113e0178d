#include "stage0/stage0.h"

/* Words of the command line that stand for one value each. */

static const char *const profile_names[] = {
	[PROFILE_HARDENED] = "hardened",
	[PROFILE_RKT] = "rkt",
};

const char *profile_name(enum profile p) { return profile_names[p]; }

int profile_parse(const char *s, enum profile *ret, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(profile_names); i++)
		if (str_eq(profile_names[i], s)) {
			*ret = (enum profile)i;
			return 0;
		}
	return err_set(err, -ERR_USAGE, "unknown security profile \"%s\": it is one of hardened, rkt", s);
}

static const char *const policy_names[] = {
	[PULL_NEW] = "new",
	[PULL_UPDATE] = "update",
	[PULL_NEVER] = "never",
};

int pull_policy_parse(const char *s, enum pull_policy *ret, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LEN(policy_names); i++)
		if (str_eq(policy_names[i], s)) {
			*ret = (enum pull_policy)i;
			return 0;
		}
	return err_set(err, -ERR_USAGE, "unknown pull policy \"%s\": it is one of never, new, update", s);
}
