#include <stdint.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "image/wire.h"

enum { SOCKET_ROOM = 64 << 10 };	/* what surely fits into a socket that nobody reads yet */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The bytes as each kind of message in turn, for as long as there are any. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (int kind = 0; kind < 3; kind++) {
		AUTO(wire_request_clear) struct wire_request request = {};
		AUTO(wire_reply_clear) struct wire_reply reply = {};
		AUTO(wire_command_clear) struct wire_command command = {};
		int pair[2], fds[WIRE_COMMAND_FDS];

		if (size > SOCKET_ROOM || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
			return 0;
		if (fd_write_all(pair[0], data, size) == 0 && shutdown(pair[0], SHUT_WR) == 0) {
			if (kind == 0)
				(void)wire_recv_request(pair[1], &request, NULL);
			else if (kind == 1)
				(void)wire_recv_reply(pair[1], &reply, NULL);
			else
				(void)wire_recv_command(pair[1], &command, fds, NULL);
		}
		close(pair[0]);
		close(pair[1]);
	}
	return 0;
}
