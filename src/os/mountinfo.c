#include "os/mountinfo.h"

#include <fcntl.h>
#include <string.h>

#include "base/fd.h"
#include "base/path.h"

enum { MOUNTINFO_MAX = 64 << 20, POINT = 4 };

static bool is_octal(const char *s)
{
	return s[0] >= '0' && s[0] <= '3' && s[1] >= '0' && s[1] <= '7' && s[2] >= '0' && s[2] <= '7';
}

/* Space, tab, newline and backslash stand there as \040 and so on. */
static void unescape(char *s)
{
	char *to = s;

	for (; *s; s++) {
		if (*s == '\\' && is_octal(s + 1)) {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 3;
		} else {
			*to++ = *s;
		}
	}
	*to = 0;
}

static char *point_of(const char *line)
{
	AUTO(strv_free) char **words = strv_split(line, ' ');
	char *point;

	if (strv_len(words) <= POINT)
		return NULL;
	point = xstrdup(words[POINT]);
	unescape(point);
	return point;
}

char **mountinfo_below(const char *text, const char *dir)
{
	AUTO(strv_free) char **lines = strv_split(text, '\n');
	char **points = NULL;

	for (char **line = lines; *line; line++) {
		AUTO(free) char *point = point_of(*line);

		if (point && path_has_prefix(point, dir) && !str_eq(point, dir))
			strv_take(&points, TAKE(point));
	}
	return points;
}

int mounts_below(const char *dir, char ***ret, struct err *err)
{
	AUTO(free) char *text = NULL;
	int r = file_read(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text, NULL);

	if (r < 0)
		return err_sys(err, r, "cannot read '/proc/self/mountinfo'");
	*ret = mountinfo_below(text, dir);
	return 0;
}
