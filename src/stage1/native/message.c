#include "stage1/native/message.h"

#include <errno.h>
#include <sys/socket.h>

int message_pair(int ret[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret) < 0 ? -errno : 0;
}

int message_send(int fd, struct message m)
{
	ssize_t n;

	do
		n = send(fd, &m, sizeof(m), MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : 0;
}

int message_receive(int fd, int flags, struct message *ret)
{
	ssize_t n;

	do
		n = recv(fd, ret, sizeof(*ret), flags);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == ECONNRESET ? 0 : -errno;
	return n == sizeof(*ret);
}

void message_fail(int fd, int app, int r, const struct err *err)
{
	if (message_send(fd, (struct message){ .type = MESSAGE_FAILED, .app = app, .value = r }) >= 0)
		err_send(fd, r, err);
}
