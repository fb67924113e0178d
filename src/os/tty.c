#include "os/tty.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

enum { CONTROL_D = 4 };

int pty_open(int pts_fd, int *ret_master, int *ret_slave, struct err *err)
{
	AUTO(close) int master = openat(pts_fd, "ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	int unlock = 0, slave;

	if (master < 0 || ioctl(master, TIOCSPTLCK, &unlock) < 0)
		return err_sys(err, -errno, "cannot make a terminal");
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return err_sys(err, -errno, "cannot open a terminal");
	*ret_master = TAKE_FD(master);
	*ret_slave = slave;
	return 0;
}

/* What was typed before stays to be read, hence no flush. */
int tty_raw(int fd, struct termios *saved)
{
	struct termios raw;

	if (tcgetattr(fd, saved) < 0)
		return -errno;
	raw = *saved;
	cfmakeraw(&raw);
	return tcsetattr(fd, TCSADRAIN, &raw) < 0 ? -errno : 0;
}

void tty_restore(int fd, const struct termios *saved) { (void)tcsetattr(fd, TCSADRAIN, saved); }

void tty_copy_size(int from_fd, int to_fd)
{
	struct winsize size;

	if (ioctl(from_fd, TIOCGWINSZ, &size) == 0)
		(void)ioctl(to_fd, TIOCSWINSZ, &size);
}

char tty_eof_character(int fd)
{
	struct termios t;

	return tcgetattr(fd, &t) < 0 ? CONTROL_D : (char)t.c_cc[VEOF];
}
