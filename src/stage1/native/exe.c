#include "stage1/native/exe.h"

#include <elf.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fd.h"
#include "base/path.h"

enum { HEAD_MAX = 4096, INTERPRETERS_MAX = 5 };

static bool is_executable(int root_fd, const char *path)
{
	AUTO(close) int fd = path_open_in(root_fd, path, O_PATH);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & 0111);
}

int exe_find(int root_fd, const char *name, const char *working_dir, const char *path_env, char **ret,
	     struct err *err)
{
	AUTO(strv_free) char **dirs = NULL;
	const char *base = working_dir && *working_dir ? working_dir : "/";

	if (*name == '/') {
		*ret = xstrdup(name);
		return 0;
	}
	if (strchr(name, '/')) {
		*ret = xasprintf("%s/%s", base, name);
		return 0;
	}
	dirs = strv_split(path_env ? path_env : "", ':');
	for (char **dir = dirs; *name && *dir; dir++) {
		AUTO(free) char *path = xasprintf("%s%s%s/%s", **dir == '/' ? "" : base, **dir == '/' ? "" : "/", *dir, name);

		if (!is_executable(root_fd, path))
			continue;
		*ret = TAKE(path);
		return 0;
	}
	return err_set(err, -ERR_BAD_INPUT, "error looking up \"%s\": unable to find \"%s\" in \"%s\"", name, name,
		       path_env ? path_env : "");
}

static char *script_interpreter(const char *head, size_t len)
{
	const char *start = head + 2, *end = memchr(head, '\n', len);
	size_t n;

	if (!end)
		end = head + len;
	while (start < end && (*start == ' ' || *start == '\t'))
		start++;
	for (n = 0; start + n < end && !strchr(" \t\r", start[n]); n++)
		;
	return n ? xstrndup(start, n) : NULL;
}

static char *elf_interpreter(const char *head, size_t len)
{
	Elf64_Ehdr header;

	if (len < sizeof(header))
		return NULL;
	memcpy(&header, head, sizeof(header));
	/* Others, of 32 bits, the kernel judges. */
	if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_phentsize != sizeof(Elf64_Phdr))
		return NULL;
	for (size_t i = 0; i < header.e_phnum; i++) {
		Elf64_Phdr p;

		if (header.e_phoff > len || len - header.e_phoff < (i + 1) * sizeof(p))
			return NULL;
		memcpy(&p, head + header.e_phoff + i * sizeof(p), sizeof(p));
		if (p.p_type != PT_INTERP)
			continue;
		if (p.p_offset >= len || p.p_filesz > len - p.p_offset)
			return NULL;
		return xstrndup(head + p.p_offset, p.p_filesz);
	}
	return NULL;
}

char *exe_interpreter(const void *head, size_t len)
{
	const char *bytes = head;

	if (len > 2 && memcmp(bytes, "#!", 2) == 0)
		return script_interpreter(bytes, len);
	if (len > SELFMAG && memcmp(bytes, ELFMAG, SELFMAG) == 0)
		return elf_interpreter(bytes, len);
	return NULL;
}

static int check_one(int root_fd, const char *path, char **ret_interpreter, struct err *err)
{
	AUTO(close) int fd = path_open_in(root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	char head[HEAD_MAX];
	struct stat st;
	size_t len = 0;
	int r;

	if (fd < 0)
		return err_sys(err, fd, "Unable to open \"%s\"", path);
	if (fstat(fd, &st) < 0)
		return err_sys(err, -errno, "Unable to open \"%s\"", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, -EACCES, "\"%s\" is not a regular file", path);
	if (!(st.st_mode & 0111))
		return err_set(err, -EACCES, "\"%s\" is not executable", path);
	r = fd_read_upto(fd, head, sizeof(head), &len);
	if (r < 0)
		return err_sys(err, r, "Unable to read \"%s\"", path);
	*ret_interpreter = exe_interpreter(head, len);
	return 0;
}

int exe_check(int root_fd, const char *path, struct err *err)
{
	AUTO(free) char *at = xstrdup(path);

	/* A script's interpreter may be a script again, but the kernel follows only so many. */
	for (int i = 0; at && i < INTERPRETERS_MAX; i++) {
		AUTO(free) char *next = NULL;
		int r;

		/* A magic link as "#!/proc/self/exe" means our own program: it cannot be opened inside a root. */
		r = check_one(root_fd, at, &next, err);
		if (r < 0)
			return r;
		if (next && *next != '/')
			return 0;
		free(at);
		at = TAKE(next);
	}
	return 0;
}
