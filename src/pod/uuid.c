#include "pod/uuid.h"

#include <ctype.h>
#include <fcntl.h>
#include <string.h>

#include "base/fd.h"

enum { UUID_FILE_MAX = 4096 };

static bool is_dash(size_t at) { return at == 8 || at == 13 || at == 18 || at == 23; }

void uuid_new(char *ret)
{
	static const char hex[] = "0123456789abcdef";
	unsigned char raw[16];
	size_t nibble = 0;

	random_bytes(raw, sizeof(raw));
	raw[6] = (unsigned char)((raw[6] & 0x0f) | 0x40);
	raw[8] = (unsigned char)((raw[8] & 0x3f) | 0x80);
	for (size_t i = 0; i < UUID_LEN; i++) {
		if (is_dash(i)) {
			ret[i] = '-';
			continue;
		}
		ret[i] = hex[nibble % 2 ? raw[nibble / 2] & 15 : raw[nibble / 2] >> 4];
		nibble++;
	}
	ret[UUID_LEN] = 0;
}

bool uuid_is(const char *s)
{
	for (size_t i = 0; i < UUID_LEN; i++)
		if (is_dash(i) ? s[i] != '-' : !s[i] || !strchr("0123456789abcdef", s[i]))
			return false;
	return !s[UUID_LEN];
}

int uuid_file_read(const char *path, char **ret, struct err *err)
{
	AUTO(free) char *text = NULL;
	size_t from = 0, to;
	int r;

	r = file_read(AT_FDCWD, path, UUID_FILE_MAX, &text, &to);
	if (r < 0)
		return err_sys(err, r, "unable to read UUID from file '%s'", path);
	while (isspace((unsigned char)text[from]))
		from++;
	while (to > from && isspace((unsigned char)text[to - 1]))
		to--;
	if (strlen(text + from) < to - from)
		return err_set(err, -ERR_BAD_INPUT, "'%s' holds no UUID", path);
	*ret = xstrndup(text + from, to - from);
	return 0;
}
