"""The last process before a program: it bounds itself, becomes the program, and tells how that ended.

It is run by itself (``python -I -S launch.py FD``) inside of what the job is set apart by, and knows nothing
but what it reads from that socket.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import socket
import sys
from contextlib import suppress
from typing import Any

REQUEST_BYTES = 8 << 20
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 1, 4, 38
NICENESS = 19
"""A job has what the node and others leave."""
OOM_SCORE = "1000"
CANNOT_START = 127
FAULT_BYTES = 4_096
DESCRIPTORS = 4_096


def main() -> None:
    """Start the program, reap whatever ends below us, and tell how the program itself ended."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    asked = json.loads(_line(channel))
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        _become(asked, writing)
    os.close(writing)
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)  # the program may not look into us
    fault = os.read(reading, FAULT_BYTES).decode(errors="replace")
    pid, status = os.wait()
    while pid != child:
        pid, status = os.wait()
    told = {"code": os.waitstatus_to_exitcode(status), "fault": fault}
    channel.sendall(json.dumps(told).encode() + b"\n")


def _line(channel: socket.socket) -> bytes:
    line = bytearray()
    while not line.endswith(b"\n") and len(line) < REQUEST_BYTES:
        part = channel.recv(1 << 16)
        if not part:
            sys.exit(CANNOT_START)
        line += part
    return bytes(line)


def _become(asked: dict[str, Any], writing: int) -> None:
    """Become the program, or write down what is in the way."""
    libc = ctypes.CDLL(None)
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        _bound(asked["limits"])
        if user := asked["user"]:
            os.setgroups([])
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
        if not asked["is_root"]:
            libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        os.closerange(3, writing)
        os.closerange(writing + 1, DESCRIPTORS)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):  # what Python has changed for itself
            signal.signal(number, signal.SIG_DFL)
        os.execve(asked["argv"][0], asked["argv"], asked["environment"])
    except BaseException as error:
        os.write(writing, str(getattr(error, "strerror", "") or error).encode()[:FAULT_BYTES])
    os._exit(CANNOT_START)


def _bound(limits: dict[str, int]) -> None:
    wanted = {
        "DATA": limits["memory_bytes"],
        "FSIZE": limits["file_bytes"],
        "NOFILE": limits["open_files"],
        "NPROC": limits["processes"],
        "CORE": 0,
    }
    for name, most in wanted.items():
        number = getattr(resource, "RLIMIT_" + name)
        highest = resource.getrlimit(number)[1]
        least = most if highest == resource.RLIM_INFINITY else min(most, highest)
        resource.setrlimit(number, (least, least))
    os.nice(NICENESS)
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:  # not every place has it
        file.write(OOM_SCORE)


if __name__ == "__main__":
    main()
