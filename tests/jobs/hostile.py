"""Programs that want to get away, or to take what is not theirs."""

from __future__ import annotations

from collections.abc import Iterator

PRELUDE = "import os, sys, time, signal, socket, stat, threading\noutside = sys.argv[1]\n"
LINGER = "\ntime.sleep({pause})\n"

KINDS = {
    "fork storm": """
while True:
    try: os.fork()
    except OSError: time.sleep(0.01)
""",
    "fork and die": """
for n in range(4):
    if not os.fork():
        while True:
            try:
                if os.fork(): os._exit(0)
            except OSError: pass
""",
    "detached": """
for n in range(5):
    if not os.fork():
        os.setsid()
        if not os.fork():
            os.closerange(0, 64); time.sleep(600)
        os._exit(0)
""",
    "daemon that leaves its parent at once": """
if not os.fork():
    os.setsid(); os.chdir('/'); os.umask(0); os.closerange(0, 64)
    while True: time.sleep(1)
os._exit(0)
""",
    "signals ignored": """
for n in range(1, 65):
    try: signal.signal(n, signal.SIG_IGN)
    except (OSError, ValueError): pass
for n in range(3): os.fork()
time.sleep(600)
""",
    "stopped": """
for n in range(3):
    if not os.fork(): os.kill(os.getpid(), signal.SIGSTOP)
os.kill(os.getpid(), signal.SIGSTOP)
""",
    "kills what it can": """
for pid in sorted((int(n) for n in os.listdir('/proc') if n.isdigit()), reverse=True):
    if pid not in (os.getpid(),):
        for n in (signal.SIGTERM, signal.SIGKILL):
            try: os.kill(pid, n)
            except OSError: pass
time.sleep(600)
""",
    "kills its parent": """
if not os.fork():
    os.setsid(); time.sleep(600)
try: os.kill(os.getppid(), signal.SIGKILL)
except OSError: pass
time.sleep(600)
""",
    "endless output": "while True: os.write({pause_int} % 2 + 1, b'x' * 65536)\n",
    "output from a crowd": """
for n in range(4): os.fork()
while True: print('y' * 1000)
""",
    "output that nobody ends": """
if not os.fork():
    while True: os.write(1, b'z' * 4096); time.sleep(0.001)
os._exit(0)
""",
    "no text": "while True: os.write(1, os.urandom(4096)); time.sleep(0.001)\n",
    "memory": "x = []\nwhile True: x.append(b'x' * (8 << 20))\n",
    "memory of a crowd": "for n in range(4): os.fork()\nx = b'x' * (60 << 20)\ntime.sleep(600)\n",
    "a large file": "f = open('big', 'wb')\nwhile True: f.write(b'x' * (1 << 20))\n",
    "many files": "n = 0\nwhile True: open(str(n), 'w').write('x' * 5000); n += 1\n",
    "many directories": "n = 0\nwhile True: os.mkdir(str(n)); n += 1\n",
    "deep directories": "while True: os.mkdir('d' * 50); os.chdir('d' * 50)\n",
    "shut directories": """
os.makedirs('a/b/c'); open('a/b/c/f', 'w').write('x')
os.chmod('a/b', 0); os.chmod('a', 0)
""",
    "links out": """
paths = (outside, outside + '/kept', '/etc/passwd', '/', '..', '/proc/self/environ', '/dev/zero')
for n, to in enumerate(paths):
    os.symlink(to, 'link%d' % n)
try: open('link0/made', 'w').write('x')
except OSError: pass
try: open('link1', 'w').write('x')
except OSError: pass
""",
    "hard links out": """
for to in (outside + '/kept', '/etc/passwd', '/etc/shadow'):
    try: os.link(to, os.path.basename(to))
    except OSError: pass
""",
    "paths out": """
for path in (outside + '/made', '../made', '../../made', '../out/stdout', '../lock', '/made', '/etc/made',
             '/usr/made', '/proc/1/root' + outside + '/made', '/proc/self/root/../made', '/dev/made',
             '/var/made', '/srv/made'):
    try: open(path, 'w').write('x')
    except OSError: pass
for path in (outside + '/kept', outside):
    for do in (os.unlink, os.rmdir, lambda p: os.chmod(p, 0o777), lambda p: os.rename(p, p + '2')):
        try: do(path)
        except OSError: pass
""",
    "devices and pipes": """
for n, kind in enumerate((stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFCHR, stat.S_IFBLK)):
    try: os.mknod('node%d' % n, kind | 0o666, os.makedev(1, 3))
    except OSError: pass
""",
    "mounts": """
import ctypes
libc = ctypes.CDLL(None)
for flags in (0x20000, 0x10000000 | 0x20000, 0x10000000, 0x20000000): libc.unshare(flags)
libc.mount(b'/', b'/', None, 0x1020, None)
libc.mount(b'none', b'/tmp', b'tmpfs', 0, None)
libc.chroot(b'.')
try: open(outside + '/made', 'w')
except OSError: pass
""",
    "more rights": """
for do in (lambda: os.setuid(0), lambda: os.setgid(0), lambda: os.setgroups([0]), lambda: os.nice(-20),
           lambda: os.setpriority(os.PRIO_PROCESS, 0, -20), lambda: os.chown('/etc', 0, 0)):
    try: do()
    except OSError: pass
import resource
for what in (resource.RLIMIT_NPROC, resource.RLIMIT_DATA, resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
    try: resource.setrlimit(what, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except (OSError, ValueError): pass
""",
    "names that are no text": """
for name in (b'\\xff\\xfe', b'new\\nline', b'-rf', b' ', b'*', b'"', b"'; rm -rf ."):
    open(name, 'w').write('x')
""",
    "busy": "for n in range(8): os.fork()\nwhile True: pass\n",
    "threads": """
def spin():
    while True: time.sleep(0.01)
while True:
    try: threading.Thread(target=spin, daemon=True).start()
    except RuntimeError: time.sleep(600)
""",
}
"""By name; each is given a directory that is not its own, with a file ``kept`` in it."""


def scripts(count: int) -> Iterator[tuple[str, str]]:
    """Yield so many hostile programs: each kind in turn, with pauses that differ."""
    names = list(KINDS)
    for number in range(count):
        name = names[number % len(names)]
        pause = (number // len(names)) * 0.07
        body = KINDS[name].replace("{pause_int}", str(number // len(names)))
        start = f"time.sleep({pause})\n" if number % 2 else ""
        yield name, PRELUDE + start + body + LINGER.format(pause=pause)
