#!/usr/bin/env python3
"""System calls for the mount tests, with the errno's name as the answer.

    syscalls.py os NAME ARG...        one call of the os module: OK or the errno's name. A number is an int,
                                      O_A|O_B are flags, O_RDONLY is 0; what was opened is closed again
    syscalls.py read PATH             open and read to the end: SIZE SHA256, or the errno's name
    syscalls.py write PATH FLAGS TEXT...  open, one write for each text, close: open=OK write=EINVAL ...
    syscalls.py nonblock HOW PATH     open with O_NONBLOCK, read (says EAGAIN), wait by poll, select or
                                      epoll, read to the end: a line for each step
    syscalls.py mmap PATH             size by fstat and SHA256 of the mapping of the open file
    syscalls.py crowd N PATH          N threads open PATH % i at once and read; says "waiting" when all of them wait
                                      inside the mount, "done SIZES" when all have ended
    syscalls.py type KEYS COMMAND...  run COMMAND on a terminal of its own and type KEYS (\\n, \\x18 ...)
"""

import errno
import fcntl
import hashlib
import mmap
import os
import pty
import re
import select
import struct
import sys
import termios
import threading
import time


def name(error):
    return errno.errorcode.get(error.errno, str(error.errno))


def argument(text):
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    if re.fullmatch(r"O_[A-Z]+(\|O_[A-Z]+)*", text):
        return flags(text)
    return text


def flags(text):
    value = 0
    for flag in text.split("|"):
        value |= getattr(os, flag)
    return value


def call(verb, *args):
    try:
        result = getattr(os, verb)(*map(argument, args))
    except OSError as e:
        return name(e)
    if verb == "open":
        os.close(result)
    return "OK"


def drain(fd):
    data = b""
    while True:
        part = os.read(fd, 65536)
        if not part:
            return data
        data += part


def told(data):
    return "%d %s" % (len(data), hashlib.sha256(data).hexdigest())


def read(path):
    try:
        fd = os.open(path, os.O_RDONLY)
        data = drain(fd)
        os.close(fd)
    except OSError as e:
        return name(e)
    return told(data)


def step(verb, *args):
    try:
        return "OK", getattr(os, verb)(*args)
    except OSError as e:
        return name(e), -1


def write(path, how, *texts):
    said, fd = step("open", path, flags(how), 0o644)
    steps = ["open=" + said]
    if fd >= 0:
        for text in texts:
            data = text.encode("utf-8", "surrogateescape")
            steps.append("write=" + step("write", fd, data)[0])
        steps.append("close=" + step("close", fd)[0])
    return " ".join(steps)


def until_readable(how, fd):
    if how == "poll":
        poller = select.poll()
        poller.register(fd, select.POLLIN)
        return bool(poller.poll(20000))
    if how == "epoll":
        poller = select.epoll()
        poller.register(fd, select.EPOLLIN)
        return bool(poller.poll(20))
    return bool(select.select([fd], [], [], 20)[0])


def nonblock(how, path):
    said, fd = step("open", path, os.O_RDONLY | os.O_NONBLOCK)
    print("open=" + said, flush=True)
    if fd < 0:
        return ""
    said, _ = step("read", fd, 10)
    print("read=" + said, flush=True)
    if not until_readable(how, fd):
        return "never readable"
    print("readable", flush=True)
    try:
        return told(drain(fd))
    except OSError as e:
        return name(e)


def mapped(path):
    with open(path, "rb") as f:
        size = os.fstat(f.fileno()).st_size
        with mmap.mmap(f.fileno(), size, prot=mmap.PROT_READ) as view:
            return told(view[:])


def inside_mount(tid):
    """Does this thread wait for an answer of a FUSE daemon?"""
    try:
        with open("/proc/self/task/%d/wchan" % tid) as f:
            return "request_wait_answer" in f.read()
    except OSError:
        return False


def crowd(n, path):
    threading.stack_size(128 * 1024)
    sizes = []
    threads = [threading.Thread(target=lambda i=i: sizes.append(read(path % i).split()[0]))
               for i in range(int(n))]
    for t in threads:
        t.start()
    end = time.monotonic() + 60
    while not all(inside_mount(t.native_id) for t in threads):
        if time.monotonic() > end:
            return "never all waiting"
        time.sleep(0.02)
    print("waiting", flush=True)
    for t in threads:
        t.join()
    return "done " + " ".join(sorted("%s:%d" % (s, sizes.count(s)) for s in set(sizes)))


def type_keys(keys, *command):
    pid, fd = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "vt100"
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        os.execvp(command[0], command)
    todo = re.findall(rb"[\x00-\x1f]|[^\x00-\x1f]+", keys.encode().decode("unicode_escape").encode())
    drawn = False
    end = time.monotonic() + 20 * int(os.environ.get("TEST_PATIENCE", "1"))
    while time.monotonic() < end:
        try:
            if select.select([fd], [], [], 0.2)[0]:
                os.read(fd, 65536)
                drawn = True
            elif todo and drawn:  # it has drawn its screen and waits for keys
                os.write(fd, todo.pop(0))
        except OSError:  # the terminal's end: the command is gone
            return "exit=%d" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return "never ended"


VERBS = {"os": call, "read": read, "write": write, "nonblock": nonblock, "mmap": mapped,
         "crowd": crowd, "type": type_keys}

if __name__ == "__main__":
    said = VERBS[sys.argv[1]](*sys.argv[2:])
    if said:
        print(said)
