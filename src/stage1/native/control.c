#include "stage1/native/control.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "pod/contract.h"

enum { BACKLOG = 64 };

/* A path of one word: the pod's directory, which may be too deep for a socket's name, is where we are. */
static const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = POD_CONTROL };

int control_listen(int *ret_fd, struct err *err)
{
	AUTO(close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask = umask(0177);
	int r = fd < 0 ? -errno : 0;

	(void)unlink(POD_CONTROL);
	if (r >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		r = -errno;
	umask(mask);
	if (r >= 0 && listen(fd, BACKLOG) < 0)
		r = -errno;
	if (r < 0)
		return err_sys(err, r, "cannot make the control socket");
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int control_connect(int *ret_fd, struct err *err)
{
	AUTO(close) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return err_sys(err, -errno, "cannot reach the pod");
	*ret_fd = TAKE_FD(fd);
	return 0;
}

int control_send(int fd, const void *data, size_t len, const int *fds, size_t n)
{
	char space[CMSG_SPACE(sizeof(int) * CONTROL_FDS)] = {};
	struct iovec iov = { (void *)data, len };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t sent;

	if (n) {
		struct cmsghdr *c;

		message.msg_control = space;
		message.msg_controllen = CMSG_SPACE(sizeof(int) * n);
		c = CMSG_FIRSTHDR(&message);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int) * n);
		memcpy(CMSG_DATA(c), fds, sizeof(int) * n);
	}
	do
		sent = sendmsg(fd, &message, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return -errno;
	return (size_t)sent == len ? 0 : -EIO;
}

static void take_fds(struct msghdr *message, int *fds, size_t max)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int got;

			memcpy(&got, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (i < max && fds[i] < 0)
				fds[i] = got;
			else
				close(got);
		}
	}
}

int control_receive(int fd, void *data, size_t len, int *fds, size_t max)
{
	char space[CMSG_SPACE(sizeof(int) * CONTROL_FDS)];
	struct iovec iov = { data, len };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space),
	};
	ssize_t n;

	for (size_t i = 0; i < max; i++)
		fds[i] = -1;
	do
		n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_WAITALL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	take_fds(&message, fds, max);
	return n ? ((size_t)n == len ? 1 : -EBADMSG) : 0;
}

int control_check_peer(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0)
		return -errno;
	return peer.uid == 0 ? 0 : -EPERM;
}
