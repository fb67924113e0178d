#!/usr/bin/env python3
"""terminal.py [--seconds N] [--size ROWSxCOLS] [STEP...] -- COMMAND...

Runs COMMAND on a terminal of its own, prints what appears on it and exits as COMMAND does (128 + N for a signal).
A STEP is expect=TEXT (waits for it) or send=TEXT (types it; \\n, \\x03 … are understood) or hangup."""
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from fcntl import ioctl

arguments, command = sys.argv[1:], []
if "--" in arguments:
    at = arguments.index("--")
    arguments, command = arguments[:at], arguments[at + 1:]
seconds, size = 30.0, (24, 80)
if arguments[:1] == ["--seconds"]:
    seconds, arguments = float(arguments[1]), arguments[2:]
if arguments[:1] == ["--size"]:
    size, arguments = tuple(int(n) for n in arguments[1].split("x")), arguments[2:]

pid, master = pty.fork()
if pid == 0:
    ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
    os.execvp(command[0], command)

seen, end, is_open = b"", time.monotonic() + seconds, True


def read(timeout):
    """One read of what appeared; False when the terminal is gone."""
    global seen
    if not select.select([master], [], [], timeout)[0]:
        return True
    try:
        data = os.read(master, 65536)
    except OSError:
        return False
    sys.stdout.buffer.write(data)
    sys.stdout.flush()
    seen += data
    return bool(data)


for step in arguments:
    verb, _, text = step.partition("=")
    text = text.encode().decode("unicode_escape").encode("latin-1")
    if verb == "send":
        os.write(master, text)
    elif verb == "hangup":
        os.close(master)
        is_open = False
    else:
        while is_open and text not in seen:
            if time.monotonic() > end:
                sys.stderr.write("terminal.py: never saw %r\n" % text)
                os.kill(pid, signal.SIGKILL)
                sys.exit(125)
            is_open = read(0.1)
        seen = seen.partition(text)[2]

while True:
    if is_open:
        is_open = read(0.1)
    else:
        time.sleep(0.01)
    done, status = os.waitpid(pid, os.WNOHANG)
    if done:
        while is_open and select.select([master], [], [], 0.1)[0]:
            is_open = read(0)
        sys.exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
    if time.monotonic() > end:
        sys.stderr.write("terminal.py: the command did not end\n")
        os.kill(pid, signal.SIGKILL)
        sys.exit(124)
