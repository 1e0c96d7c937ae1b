#!/usr/bin/env python3
"""A program in a terminal of its own.

usage: terminal.py hang-up|keep MOUNTPOINT COMMAND...

When something is mounted at MOUNTPOINT, hang-up takes the terminal away, and keep sends the program a SIGHUP and,
when standard input ends, a SIGTERM. Prints the program's exit status, or "signal N".
"""
import os
import pty
import signal
import sys
import time


def is_mounted(path):
    with open("/proc/self/mountinfo") as table:
        return any(line.split()[4] == path for line in table)


def main():
    what, mountpoint, command = sys.argv[1], sys.argv[2], sys.argv[3:]
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp(command[0], command)
    while not is_mounted(mountpoint):
        if os.waitpid(pid, os.WNOHANG)[0]:
            sys.exit("it ended before it was mounted: %s" % os.read(terminal, 4096))
        time.sleep(0.02)
    if what == "hang-up":
        os.close(terminal)
    else:
        os.kill(pid, signal.SIGHUP)
        sys.stdin.read()
        os.kill(pid, signal.SIGTERM)
    status = os.waitpid(pid, 0)[1]
    print("signal %d" % os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status))


main()
