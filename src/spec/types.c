#include "spec/types.h"

#include <stdbool.h>
#include <string.h>
#include <sys/utsname.h>

enum {
	AC_IDENTIFIER_MAX = 2048,
	AC_NAME_MAX = 200,	/* such a name, with a suffix of ours, is still a file's name */
	AC_VERSION_MAX = 256,
};

/* isalnum() and the like ask the locale; these ask for ASCII. */
static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_lower_alnum(char c) { return is_digit(c) || (c >= 'a' && c <= 'z'); }
static bool is_alnum(char c) { return is_lower_alnum(c) || (c >= 'A' && c <= 'Z'); }

/* Words of lower-case letters and digits, with single separators between them. */
static int words_check(const char *s, const char *type, const char *separators, size_t max, struct err *err)
{
	size_t n;

	if (!s || !*s)
		return err_set(err, -ERR_BAD_INPUT, "%s cannot be empty", type);
	for (n = 0; s[n]; n++)
		if (!is_lower_alnum(s[n]) && !strchr(separators, s[n]))
			return err_set(err, -ERR_BAD_INPUT,
				       "%s must contain only lower case alphanumeric characters plus \"%s\": \"%s\"",
				       type, separators, s);
	if (!is_lower_alnum(s[0]) || !is_lower_alnum(s[n - 1]))
		return err_set(err, -ERR_BAD_INPUT,
			       "%s must start and end with a lower case alphanumeric character: \"%s\"", type, s);
	for (size_t i = 1; i < n; i++)
		if (!is_lower_alnum(s[i]) && !is_lower_alnum(s[i - 1]))
			return err_set(err, -ERR_BAD_INPUT, "%s must not have two of \"%s\" in a row: \"%s\"", type,
				       separators, s);
	if (n > max)
		return err_set(err, -ERR_BAD_INPUT, "%s is longer than %zu characters", type, max);
	return 0;
}

int ac_identifier_check(const char *s, struct err *err)
{
	return words_check(s, "ACIdentifier", "-._~/", AC_IDENTIFIER_MAX, err);
}

int ac_name_check(const char *s, struct err *err)
{
	return words_check(s, "ACName", "-", AC_NAME_MAX, err);
}

char *ac_name_from(const char *image_name)
{
	const char *slash = strrchr(image_name, '/'), *from = slash ? slash + 1 : image_name;
	AUTO(free) char *name = xmalloc(strlen(from) + 1);
	size_t n = 0;

	for (; *from && n < AC_NAME_MAX; from++) {
		char c = *from >= 'A' && *from <= 'Z' ? (char)(*from - 'A' + 'a') : *from;

		if (is_lower_alnum(c))
			name[n++] = c;
		else if (n && name[n - 1] != '-')
			name[n++] = '-';
	}
	if (n && name[n - 1] == '-')
		n--;
	name[n] = 0;
	return n ? TAKE(name) : NULL;
}

/* One number of a version, without leading zeros. NULL: there is none. */
static const char *skip_number(const char *s)
{
	const char *start = s;

	while (is_digit(*s))
		s++;
	return s == start || (*start == '0' && s - start > 1) ? NULL : s;
}

/* Identifiers with dots between them; numbers among those of a pre-release have no leading zero. */
static const char *skip_identifiers(const char *s, bool zeros_allowed)
{
	for (;; s++) {
		const char *start = s;
		bool number = true;

		for (; is_alnum(*s) || *s == '-'; s++)
			number = number && is_digit(*s);
		if (s == start || (!zeros_allowed && number && *start == '0' && s - start > 1))
			return NULL;
		if (*s != '.')
			return s;
	}
}

static bool is_semver(const char *s)
{
	for (int i = 0; s && i < 3; i++) {
		s = skip_number(s);
		if (s && i < 2)
			s = *s == '.' ? s + 1 : NULL;
	}
	if (s && *s == '-')
		s = skip_identifiers(s + 1, false);
	if (s && *s == '+')
		s = skip_identifiers(s + 1, true);
	return s && !*s;
}

int ac_version_check(const char *s, struct err *err)
{
	if (!s || !*s || str_eq(s, "0.0.0"))
		return err_set(err, -ERR_BAD_INPUT, "acVersion must be set");
	if (strlen(s) > AC_VERSION_MAX || !is_semver(s))
		return err_set(err, -ERR_BAD_INPUT, "acVersion is not a semantic version: \"%s\"", s);
	return 0;
}

int env_name_check(const char *s, struct err *err)
{
	bool good;

	if (!s || !*s)
		return err_set(err, -ERR_BAD_INPUT, "environment variable name must not be empty");
	good = !is_digit(*s) && *s != '.' && *s != '-';
	for (const char *p = s; *p; p++)
		good = good && (is_alnum(*p) || *p == '_' || *p == '.' || *p == '-');
	if (!good)
		return err_set(err, -ERR_BAD_INPUT, "environment variable does not have valid identifier \"%s\"", s);
	return 0;
}

/* Takes n digits and, if it is not 0, the character after them. -1: they are not there. */
static int take_number(const char **s, int n, char after)
{
	int value = 0;

	for (; n; n--, (*s)++) {
		if (!is_digit(**s))
			return -1;
		value = value * 10 + (**s - '0');
	}
	if (after && *(*s)++ != after)
		return -1;
	return value;
}

static bool take_fraction(const char **s)
{
	const char *start;

	if (**s != '.')
		return true;
	for (start = ++*s; is_digit(**s); (*s)++)
		;
	return *s > start;
}

static bool take_zone(const char **s)
{
	int hours, minutes;

	if (**s == 'Z') {
		(*s)++;
		return true;
	}
	if (**s != '+' && **s != '-')
		return false;
	(*s)++;
	hours = take_number(s, 2, ':');
	minutes = hours < 0 ? -1 : take_number(s, 2, 0);
	return hours >= 0 && hours < 24 && minutes >= 0 && minutes < 60;
}

static int days_of(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

static bool is_date(const char *s)
{
	static const struct { int digits, min, max; char after; } parts[] = {
		{ 4, 0, 9999, '-' }, { 2, 1, 12, '-' }, { 2, 1, 31, 'T' },
		{ 2, 0, 23, ':' }, { 2, 0, 59, ':' }, { 2, 0, 60, 0 },
	};
	int v[ARRAY_LEN(parts)];

	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		v[i] = take_number(&s, parts[i].digits, parts[i].after);
		if (v[i] < parts[i].min || v[i] > parts[i].max)
			return false;
	}
	return v[2] <= days_of(v[0], v[1]) && take_fraction(&s) && take_zone(&s) && !*s;
}

int date_check(const char *s, struct err *err)
{
	if (!s || !is_date(s))
		return err_set(err, -ERR_BAD_INPUT, "bad Date: \"%s\"", s ? s : "");
	return 0;
}

/* with_sha256: that too, whose hashes are half as long. */
static int hash_check(const char *s, bool with_sha256, struct err *err)
{
	const char *dash = s ? strchr(s, '-') : NULL;
	bool is_256 = with_sha256 && s && str_starts(s, "sha256-");
	size_t n;

	if (!dash)
		return err_set(err, -ERR_BAD_INPUT, "badly formatted hash string: \"%s\"", s ? s : "");
	if (!is_256 && !str_starts(s, "sha512-"))
		return err_set(err, -ERR_BAD_INPUT, "unrecognized hash type: %.*s", (int)(dash - s), s);
	n = strspn(dash + 1, "0123456789abcdef");
	if (!dash[1])
		return err_set(err, -ERR_BAD_INPUT, "unexpected empty hash value");
	if (dash[1 + n] || n > (is_256 ? 64 : 128))
		return err_set(err, -ERR_BAD_INPUT, "badly formatted hash string: \"%s\"", s);
	if (n < 2)
		return err_set(err, -ERR_BAD_INPUT, "image ID too short");
	return 0;
}

int image_id_check(const char *s, struct err *err) { return hash_check(s, false, err); }
int image_hash_check(const char *s, struct err *err) { return hash_check(s, true, err); }

const char *host_os(void) { return "linux"; }

/* What uname(2) says, and what images call it. */
static const struct { const char *machine, *arch; } archs[] = {
	{ "x86_64", "amd64" }, { "i386", "i386" }, { "i486", "i386" }, { "i586", "i386" }, { "i686", "i386" },
	{ "aarch64", "aarch64" }, { "aarch64_be", "aarch64_be" }, { "armv6l", "armv6l" }, { "armv7l", "armv7l" },
	{ "armv8l", "armv7l" }, { "armv7b", "armv7b" }, { "ppc64le", "ppc64le" }, { "ppc64", "ppc64" },
	{ "s390x", "s390x" },
};

const char *host_arch(void)
{
	struct utsname name;

	if (uname(&name) == 0)
		for (size_t i = 0; i < ARRAY_LEN(archs); i++)
			if (str_eq(archs[i].machine, name.machine))
				return archs[i].arch;
	return "unknown";
}

bool host_runs(const char *arch)
{
	static const struct { const char *host, *too; } compatible[] = {
		{ "amd64", "i386" }, { "aarch64", "armv7l" }, { "aarch64", "armv6l" }, { "armv7l", "armv6l" },
	};
	const char *host = host_arch();

	for (size_t i = 0; i < ARRAY_LEN(compatible); i++)
		if (str_eq(compatible[i].host, host) && str_eq(compatible[i].too, arch))
			return true;
	return str_eq(host, arch);
}

int os_arch_check(const char *os, const char *arch, struct err *err)
{
	if (os && !str_eq(os, "linux"))
		return err_set(err, -ERR_BAD_INPUT, "bad os \"%s\" (must be one of: [linux])", os);
	if (!arch)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(archs); i++)
		if (str_eq(archs[i].arch, arch))
			return 0;
	return err_set(err, -ERR_BAD_INPUT,
		       "bad arch \"%s\" for linux (must be one of: [amd64 i386 aarch64 aarch64_be armv6l armv7l "
		       "armv7b ppc64le ppc64 s390x])", arch);
}

const char *label_get(const struct label *labels, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(labels[i].name, name))
			return labels[i].value;
	return NULL;
}

void label_set(struct label **labels, size_t *n, const char *name, const char *value)
{
	char *copy = xstrdup(value);

	for (size_t i = 0; i < *n; i++) {
		if (str_eq((*labels)[i].name, name)) {
			free((*labels)[i].value);
			(*labels)[i].value = copy;
			return;
		}
	}
	*labels = xreallocarray(*labels, *n + 1, sizeof(**labels));
	(*labels)[(*n)++] = (struct label){ .name = xstrdup(name), .value = copy };
}

void labels_free(struct label *labels, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(labels[i].name);
		free(labels[i].value);
	}
	free(labels);
}

struct label *labels_copy(const struct label *labels, size_t n)
{
	struct label *copy = n ? xcalloc(n, sizeof(*copy)) : NULL;

	for (size_t i = 0; i < n; i++)
		copy[i] = (struct label){ .name = xstrdup(labels[i].name), .value = xstrdup(labels[i].value) };
	return copy;
}
