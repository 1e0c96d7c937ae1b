#!/usr/bin/env python3
"""The torture test: a mount with a bad service, busy users and sudden deaths; then the books are compared.

    torture.py [--seconds N] [--seed N] [--ambiguous fail|retry] PROGRAM

For N seconds writers, readers, removers and commands work on a mount, the service (tests/stub) answers late,
wrongly or not at all and leaves the network at times, and the daemon is killed with SIGKILL again and again.
Then the faults end, everything drains, and three books must agree: what the writers were promised (each
close that returned 0), what the service took, and what the mount and its database hold.

    lost        a promised request without a picture, without a reason and without a question to the user
    duplicates  more creates taken by the service than submissions and explicit retries
    torn        a picture that is not, byte for byte, what the service made of that prompt
    revived     a file whose removal was answered, and that is there again
    unasked     a file whose text is none of those that it can have
    uncertain   held for the user to decide: a create without an answer, or a close without its release

The seed makes what each actor does the same; the order in which the machine lets them is not.
"""

import argparse
import collections
import errno
import hashlib
import json
import os
import random
import select
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(HERE, "..", "stub"))
import pictures  # noqa: E402

PATIENCE = int(os.environ.get("TEST_PATIENCE", "1"))
LIMIT = 60 * PATIENCE  # seconds that any one thing may take
WRITERS = 6
READERS = 3
BACKLOG = 150  # unfinished requests above which the writers hold back
MUST_HAPPEN = ("kills", "reads", "reads without waiting", "killed readers", "remove", "retry")

FAULTS = [
    {"on": "prediction", "chance": 0.5, "do": {"duration_ms": 60}},
    {"on": "prediction", "chance": 0.2, "do": {"duration_ms": 400}},
    {"on": "create", "chance": 0.2, "do": {"delay_ms": 60}},
    {"on": "create", "chance": 0.02, "do": {"status": 503, "body": {"message": "try again"}}},
    {"on": "create", "chance": 0.03, "do": {"drop": True}},
    {"on": "create", "chance": 0.03, "do": {"drop": True, "untaken": True}},
    {"on": "create", "chance": 0.02, "do": {"reset": True, "delay_ms": 30}},
    {"on": "create", "chance": 0.02, "do": {"cut": 9}},
    {"on": "create", "chance": 0.005, "do": {"status": 429, "headers": {"Retry-After": "1"}, "body": {}}},
    {"on": "poll", "chance": 0.05, "do": {"delay_ms": 80}},
    {"on": "poll", "chance": 0.03, "do": {"status": 500, "body": "<html>oh</html>", "type": "text/html"}},
    {"on": "poll", "chance": 0.03, "do": {"drop": True}},
    {"on": "poll", "chance": 0.03, "do": {"cut": 20}},
    {"on": "download", "chance": 0.05, "do": {"cut": 700}},
    {"on": "download", "chance": 0.03, "do": {"status": 502}},
    {"on": "download", "chance": 0.03, "do": {"reset": True}},
    {"on": "download", "chance": 0.05, "do": {"drip": [500, 10]}},
]


class Hang(Exception):
    pass


class Service:
    """The stand-in service, its faults and its memory."""

    def __init__(self, folder, seed):
        self.port_file = os.path.join(folder, "port")
        self.out = open(os.path.join(folder, "stub.out"), "wb")
        self.process = subprocess.Popen(
            [sys.executable, "-B", os.path.join(HERE, "..", "stub", "stub.py"),
             "--port-file", self.port_file, "--key", os.path.join(folder, "key"),
             "--parent", str(os.getpid()), "--seed", str(seed), "--duration-ms", "20"],
            stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.out)
        wait_until(lambda: os.path.exists(self.port_file), "the stand-in service")
        with open(self.port_file) as f:
            self.url = "http://127.0.0.1:%d" % int(f.read())

    def control(self, verb, data=None):
        body = None if data is None else json.dumps(data).encode()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open("%s/control/%s" % (self.url, verb), body, LIMIT) as answer:
            return answer.read().decode()

    def lines(self, verb):
        return [json.loads(line) for line in self.control(verb).splitlines()]

    def leave(self):
        self.process.send_signal(signal.SIGUSR1)
        wait_until(lambda: not os.path.exists(self.port_file), "the service to leave")

    def come_back(self):
        self.process.send_signal(signal.SIGUSR2)
        wait_until(lambda: os.path.exists(self.port_file), "the service to come back")

    def end(self):
        end_process(self.process)
        self.out.close()


class Mount:
    """The program, and its folder. `era` counts its lives; `up` is set while one is ready."""

    def __init__(self, folder, program, service, ambiguous):
        self.program = program
        self.root = os.path.join(folder, "mnt")
        self.ini = os.path.join(folder, "ini")
        self.state = os.path.join(folder, "state")
        self.library = os.path.join(folder, "library")
        self.out = open(os.path.join(folder, "out"), "ab")
        self.up = threading.Event()
        self.era = 0
        self.process = None
        os.mkdir(self.root)
        with open(self.ini, "w") as f:
            f.write(SETTINGS % dict(url=service.url, folder=folder, ambiguous=ambiguous))

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    def spawn(self):
        self.process = subprocess.Popen([self.program, "-c", self.ini, "-f", self.root],
                                        stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.out)

    def start(self):
        self.spawn()
        wait_until(self.answers, "the mount")
        self.era += 1  # what began while the one before was dying is not of this life
        self.up.set()

    def answers(self):
        if self.process.poll() is not None:
            raise Hang("the program ended at its start, with status %d" % self.process.returncode)
        try:
            os.stat(self.path("requests"))
        except OSError:
            return False
        return True

    def kill(self):
        self.up.clear()
        self.era += 1
        self.process.kill()
        self.process.wait()

    def stop(self):
        """A clean end; its status must be 0."""
        self.up.clear()
        self.era += 1
        self.process.terminate()
        return self.process.wait(LIMIT)

    def end(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        while self.is_listed():
            if subprocess.run(["fusermount3", "-u", "-z", self.root]).returncode:
                break
        self.out.close()

    def is_listed(self):
        with open("/proc/self/mountinfo") as f:
            return any(line.split()[4] == self.root for line in f)


SETTINGS = """[api]
base_url = %(url)s/v1
key_file = %(folder)s/key
ambiguous_create = %(ambiguous)s
retries = 100
retry_max = 1
connect_timeout = 2
idle_timeout = 2
timeout = 20
busy_pause = 1
[limits]
creates_per_minute = 100000
concurrent = 20
[poll]
first = 20
min = 20
max = 100
deadline = 20
[images]
nonblock = poll
[library]
path = %(folder)s/library
state = %(folder)s/state
[log]
level = info
target = %(folder)s/log
"""


class Submission:
    def __init__(self, prompt):
        self.prompt = prompt
        self.promised = False   # the call that submits it returned 0
        self.cancelled = False  # somebody asked to cancel it, and it may have been heard
        self.retries = 0        # explicit requests to send it again


class Books:
    """What the actors did and were told. Threads only add to it."""

    def __init__(self):
        self.lock = threading.Lock()
        self.submissions = {}  # by prompt
        self.prompts_of = collections.defaultdict(set)  # of an id, ever
        self.files = {}        # path below requests/: the texts it can have now; None: it is not there
        self.counts = collections.Counter()
        self.surprises = []
        self.seen = []         # (id, SHA-256 of a picture that a reader got)
        self.ids = []

    def submission(self, name, prompt):
        with self.lock:
            s = self.submissions[prompt] = Submission(prompt)
            self.prompts_of[name].add(prompt)
            return s

    def count(self, what, n=1):
        with self.lock:
            self.counts[what] += n

    def untried(self):
        with self.lock:
            return [what for what in MUST_HAPPEN if not self.counts[what]]

    def surprise(self, text):
        with self.lock:
            self.surprises.append(text)

    def some_id(self, dice):
        with self.lock:
            return dice.choice(self.ids) if self.ids else None


class Actor(threading.Thread):
    """Does one step after another until the end; a step that a kill of the daemon broke is unanswered."""

    def __init__(self, number, seed, mount, books):
        super().__init__(daemon=True)
        self.number = number
        self.dice = random.Random("%s %d %d" % (type(self).__name__, number, seed))
        self.mount = mount
        self.books = books
        self.over = threading.Event()
        self.idle = True

    def run(self):
        while not self.over.is_set():
            if not self.mount.up.wait(0.1):
                continue
            try:
                self.step()
            except Exception:
                self.books.surprise(traceback.format_exc())
                return
            self.over.wait(self.dice.random() * self.pause)

    def done(self, what, call, *args, fine=()):
        """True: it was answered with success. False: with an errno in `fine`. None: it was not answered."""
        era = self.mount.era
        try:
            call(*args)
        except OSError as e:
            if era != self.mount.era or not self.mount.up.is_set():
                self.books.count("unanswered")
                return None
            if e.errno in fine:
                return False
            self.books.surprise("%s%r: %s" % (what, args, e))
            return None
        self.books.count(what)
        return True


def put(path, flags, text):
    fd = os.open(path, flags | os.O_CLOEXEC, 0o644)
    try:
        os.write(fd, text.encode())
    except OSError:
        close_anyhow(fd)
        raise
    os.close(fd)


def close_anyhow(fd):
    try:
        os.close(fd)
    except OSError:
        pass


class Request:
    """A file of a writer: its name, what it can hold, and the submissions that can have its id."""

    def __init__(self, path, kind):
        self.path = path
        self.kind = kind
        self.id = os.path.splitext(path)[0]
        self.submissions = []  # more than one since a call that was not answered

    def cancelled(self):
        for submission in self.submissions:
            submission.cancelled = True


class Writer(Actor):
    """Writes in all the ways that programs have. Each has names of its own, so that the last word is known."""

    pause = 0.06

    def __init__(self, *args):
        super().__init__(*args)
        self.serial = 0
        self.requests = []
        self.gone = []  # removed, with the program's run: a promise once a later commit was answered

    def step(self):
        wanted = "add replace append promote move remove unpicture cancel retry"
        verb = self.dice.choices(wanted.split(), [40, 14, 8, 16, 5, 5, 3, 4, 8])[0]
        if verb in ("add", "promote"):
            if self.backlog() < BACKLOG:
                getattr(self, verb)()
            return
        request = self.dice.choice(self.requests) if self.requests else None
        state = request and self.state(request)
        # A draft's release may still be on its way, and then its text would rightly never be sent.
        if state not in (None, "draft"):
            getattr(self, verb)(request, state)

    def backlog(self):
        try:
            with open(self.mount.path("control", "stats.json")) as f:
                states = json.load(f)["states"]
            return sum(states[s] for s in ("queued", "creating", "processing", "downloading"))
        except (OSError, ValueError):
            return 0

    def state(self, request):
        try:
            with open(self.mount.path("status", request.id + ".json")) as f:
                return json.load(f)["state"]
        except (OSError, ValueError):
            return None

    def full(self, path):
        return self.mount.path("requests", path)

    def new_prompt(self):
        self.serial += 1
        return "picture %d of writer %d" % (self.serial, self.number)

    def new_request(self):
        self.serial += 1
        folder = self.dice.choice(["", "", "w%d/" % self.number, "w%d/deep/" % self.number])
        kind = self.dice.choice(["text", "text", "json"])
        ending = ".json" if kind == "json" else self.dice.choice(["", ".txt", ".md"])
        for i, c in enumerate(folder):
            if c == "/":
                self.done("mkdir", os.mkdir, self.full(folder[:i]), fine=(errno.EEXIST,))
        return Request("%sr%d-%d%s" % (folder, self.number, self.serial, ending), kind)

    def text(self, request, prompt):
        if request.kind == "json":
            return json.dumps({"prompt": prompt, "seed": self.serial})
        return prompt + "\n"

    def keep(self, request):
        self.requests.append(request)
        with self.books.lock:
            self.books.ids.append(request.id)

    def submit(self, request, prompt, text, what, call, *args):
        """One call that submits: the books before and after it."""
        files = self.books.files
        submission = self.books.submission(request.id, prompt)
        before = files.get(request.path, {None})
        files[request.path] = before | {"", text}
        request.submissions = request.submissions + [submission]
        era = self.mount.era
        submission.promised = bool(self.done(what, call, *args))
        if submission.promised:
            self.removals_are_stored(era)
        if submission.promised:
            files[request.path] = {text}
            request.submissions = [submission]
        return submission.promised

    def add(self):
        request = self.new_request()
        prompt = self.new_prompt()
        text = self.text(request, prompt)
        self.keep(request)
        self.submit(request, prompt, text, "write", put, self.full(request.path),
                    os.O_WRONLY | os.O_CREAT | os.O_TRUNC, text)

    def replace(self, request, _state):
        prompt = self.new_prompt()
        text = self.text(request, prompt)
        self.submit(request, prompt, text, "rewrite", put, self.full(request.path),
                    os.O_WRONLY | os.O_CREAT | os.O_TRUNC, text)

    def append(self, request, _state):
        known = self.books.files[request.path]
        if request.kind != "text" or len(known) != 1 or None in known or "" in known:
            return
        (before,) = known
        more = self.new_prompt()
        self.submit(request, before + more, before + more + "\n", "append", put,
                    self.full(request.path), os.O_WRONLY | os.O_APPEND, more + "\n")

    def promote(self):
        """Write under a draft's name, then rename: as editors and download managers save."""
        old = self.dice.choice(self.requests) if self.requests and self.dice.random() < 0.4 else None
        if old and self.state(old) in (None, "draft"):
            return
        request = old or self.new_request()
        prompt = self.new_prompt()
        text = self.text(request, prompt)
        folder, name = os.path.split(request.path)
        draft = os.path.join(folder, self.dice.choice([".%s", "%s.part", "%s~"]) % name)
        files = self.books.files
        files[draft] = files.get(draft, {None}) | {"", text}
        if not self.done("draft", put, self.full(draft), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, text):
            return
        if not old:
            self.keep(request)
        files[draft] = {None, text}
        if self.submit(request, prompt, text, "promote", os.rename, self.full(draft),
                       self.full(request.path)):
            files[draft] = {None}

    def move(self, request, _state):
        self.serial += 1
        moved = Request("r%d-%d-moved%s" % (self.number, self.serial, os.path.splitext(request.path)[1]),
                        request.kind)
        files, books = self.books.files, self.books
        texts = files[request.path]
        if None in texts:
            return
        moved.submissions = request.submissions
        with books.lock:
            books.prompts_of[moved.id] |= books.prompts_of[request.id]
        files[moved.path] = {None} | texts
        files[request.path] = {None} | texts
        if self.done("move", os.rename, self.full(request.path), self.full(moved.path)):
            files[moved.path] = texts
            files[request.path] = {None}
            self.requests.remove(request)
            self.keep(moved)
        else:  # it has one of the two names, and is left alone
            self.requests.remove(request)

    def remove(self, request, _state):
        files = self.books.files
        files[request.path] = files[request.path] | {None}
        request.cancelled()
        era = self.mount.era
        # One that cancels nothing is answered before its commit: a kill at once may bring it back.
        if self.done("remove", os.unlink, self.full(request.path), fine=(errno.ENOENT,)):
            self.gone.append((era, request.path))
        self.requests.remove(request)

    def removals_are_stored(self, era):
        for when, path in self.gone:
            if when == era == self.mount.era:
                self.books.files[path] = {None}
        self.gone = []

    def unpicture(self, request, _state):
        request.cancelled()
        self.done("rm picture", os.unlink, self.mount.path("images", request.id + ".png"),
                  fine=(errno.ENOENT, errno.EPERM))

    def command(self, text):
        return self.done(text.split()[0], put, self.mount.path("control", "ctl"), os.O_WRONLY, text + "\n",
                         fine=(errno.EINVAL, errno.ENOENT))

    def cancel(self, request, _state):
        request.cancelled()
        self.command("cancel " + request.id)

    def retry(self, request, state):
        if state in ("held", "failed", "cancelled"):
            for submission in request.submissions:
                submission.retries += 1
            self.command("retry " + request.id)


class Reader(Actor):
    """Opens pictures: to the end, killed on the way, and without waiting."""

    pause = 0.08

    def step(self):
        name = self.books.some_id(self.dice)
        if not name:
            return
        path = self.mount.path("images", name + ".png")
        kind = self.dice.choice(["whole", "killed", "nonblocking"])
        getattr(self, kind)(name, path)

    def whole(self, name, path):
        cat = subprocess.Popen(["cat", "--", path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL)
        try:
            data, _ = cat.communicate(timeout=self.dice.choice([0.5, 3]))
        except subprocess.TimeoutExpired:
            cat.kill()
            cat.communicate()
            self.books.count("readers that gave up")
            return
        if cat.returncode == 0:
            self.note(name, data)
            self.books.count("reads")

    def killed(self, _name, path):
        cat = subprocess.Popen(["cat", "--", path], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
        self.over.wait(self.dice.random() * 0.1)
        cat.kill()
        cat.wait()
        self.books.count("killed readers")

    def nonblocking(self, name, path):
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return
        try:
            poller = select.poll()
            poller.register(fd, select.POLLIN)
            if poller.poll(500):
                self.note(name, drain(fd))
                self.books.count("reads without waiting")
        except OSError:
            pass  # not there yet, cancelled, failed, or the daemon is gone: no picture was promised
        finally:
            close_anyhow(fd)

    def note(self, name, data):
        with self.books.lock:
            self.books.seen.append((name, hashlib.sha256(data).hexdigest()))


class Looker(Actor):
    """Lists, stats and reads what never waits; pauses the queue, and asks for what failed."""

    pause = 0.3

    def step(self):
        try:
            for area in ("requests", "images", "status", "control"):
                for folder, _, names in os.walk(self.mount.path(area)):
                    for name in names:
                        try:
                            os.lstat(os.path.join(folder, name))
                        except OSError:
                            pass
        except OSError:
            pass
        ctl = self.mount.path("control", "ctl")
        self.done("retry failed", put, ctl, os.O_WRONLY, "retry failed\n")
        if self.dice.random() < 0.3:
            self.done("pause", put, ctl, os.O_WRONLY, "pause\n")
            self.over.wait(self.dice.random() * 0.2)
            self.done("resume", put, ctl, os.O_WRONLY, "resume\n")


def drain(fd):
    data = b""
    while True:
        part = os.read(fd, 65536)
        if not part:
            return data
        data += part


def wait_until(true, what, limit=LIMIT):
    end = time.monotonic() + limit
    while not true():
        if time.monotonic() > end:
            raise Hang("waited in vain for %s" % what)
        time.sleep(0.01)


def end_process(process):
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


# The time of trouble.

def rage(mount, service, books, dice, seconds):
    """It goes on a while longer where chance or a slow machine has not yet put all of it to the test."""
    end = time.monotonic() + seconds
    while time.monotonic() < end or (books.untried() and time.monotonic() < end + LIMIT):
        time.sleep(0.3 + dice.random() * 1.7)
        if dice.random() < 0.25:
            service.leave()
            time.sleep(dice.random() * 0.5)
            service.come_back()
            books.count("times off the network")
        if dice.random() < 0.8:
            mount.kill()
            books.count("kills")
            while dice.random() < 0.3:
                mount.spawn()
                time.sleep(dice.random() * 0.08)
                mount.kill()
                books.count("kills at the start")
            mount.start()


def settle(mount, service):
    """No more faults: everything that is under way comes to its end."""
    service.control("reset", {})
    put(mount.path("control", "ctl"), os.O_WRONLY, "resume\n")

    def at_rest():
        with open(mount.path("control", "stats.json")) as f:
            states = json.load(f)["states"]
        return not any(states[s] for s in ("queued", "creating", "processing", "downloading"))
    try:
        wait_until(at_rest, "everything to be finished", 200 * PATIENCE)
    except Hang as e:
        with open(mount.path("control", "stats.json")) as f:
            raise Hang("%s: %s" % (e, f.read()))


# The audit.

class Audit:
    def __init__(self, mount, service, books):
        self.mount = mount
        self.books = books
        self.taken = service.lines("taken")
        self.tries = collections.Counter(json.loads(p) for p in service.control("prompts").splitlines())
        self.by_id = {t["id"]: t for t in self.taken}
        self.bad = collections.defaultdict(list)  # kind: sentences
        self.uncertain = self.ready = 0

    def picture(self, taken):
        return pictures.png(taken["name"] + taken["prompt"])

    def files(self):
        """What is there has a text that it can have; what was removed has stayed away."""
        there = {}
        root = self.mount.path("requests")
        for folder, _, names in os.walk(root):
            for name in names:
                path = os.path.join(folder, name)
                with open(path) as f:
                    there[os.path.relpath(path, root)] = f.read()
        for path, texts in sorted(self.books.files.items()):
            text = there.pop(path, None)
            if text in texts:
                continue
            kind = "revived" if texts == {None} else "lost" if text is None else "unasked"
            self.bad[kind].append("%s has the text %r and should have one of %r" % (path, text, texts))
        for path in there:
            self.bad["unasked"].append("%s: nobody made it" % path)

    def served(self, rows):
        """Every picture that the mount has, under its own and under its prediction's name."""
        for row in rows:
            if row["state"] != "ready" or row["dismissed"]:
                continue
            taken = self.by_id.get(row["prediction_id"])
            names = [row["prediction_id"]] + ([row["id"]] if row["current"] else [])
            for name in names:
                path = self.mount.path("images", name + ".png")
                data = subprocess.run(["timeout", str(LIMIT), "cat", "--", path],
                                      stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
                if not taken or taken["prompt"] != row["prompt"] or data != self.picture(taken):
                    self.bad["torn"].append("images/%s.png is not the picture of %r" % (name, row["prompt"]))

    def read(self):
        """Every picture that a reader ever got was one that this name can have had."""
        digests = collections.defaultdict(set)
        for t in self.taken:
            digests[t["prompt"]].add(hashlib.sha256(self.picture(t)).hexdigest())
        for name, digest in self.books.seen:
            if not any(digest in digests[p] for p in self.books.prompts_of[name]):
                self.bad["torn"].append("a reader of %s got something else" % name)

    def submissions(self, rows):
        taken = collections.Counter(t["prompt"] for t in self.taken)
        by_prompt = collections.defaultdict(list)
        for row in rows:
            by_prompt[row["prompt"]].append(row)
        for prompt, s in self.books.submissions.items():
            self.one(s, taken[prompt], by_prompt[prompt])
        for prompt in set(taken) - set(self.books.submissions):
            self.bad["unasked"].append("the service was asked for %r" % prompt)

    def one(self, s, taken, rows):
        said = "%r: taken %d, tried %d, retries %d, %s" % (
            s.prompt, taken, self.tries[s.prompt], s.retries,
            ", ".join("%s %s" % (r["state"], r["error_class"] or "") for r in rows) or "no job")
        if taken > 1 + s.retries:
            self.bad["duplicates"].append(said)
        states = [r["state"] for r in rows]
        if any(state not in ("ready", "failed", "held", "cancelled") for state in states):
            self.bad["lost"].append("never ended: " + said)
        elif "ready" in states:
            self.ready += 1
        elif "failed" in states:
            self.bad["failed"].append(said)
        elif any(r["error_class"] in ("uncertain", "interrupted") for r in rows):
            self.uncertain += 1
        elif s.promised and not s.cancelled:
            self.bad["lost"].append(said)


def rows_of(state):
    db = sqlite3.connect("file:%s/pimagefs.db?mode=ro" % state, uri=True)
    db.row_factory = sqlite3.Row
    rows = db.execute("SELECT id, state, current, dismissed, prompt, prediction_id, error_class FROM job")
    rows = [dict(row) for row in rows]
    db.close()
    return rows


def audit(mount, service, books):
    """Two looks: at the mount, after a clean end and a new start, and at the database."""
    look = Audit(mount, service, books)
    status = mount.stop()
    if status:
        look.bad["failed"].append("the program ended with status %d" % status)
    rows = rows_of(mount.state)
    left = os.listdir(os.path.join(mount.library, ".tmp"))
    if left:
        look.bad["failed"].append("left in the library's .tmp: %r" % left)
    mount.start()
    look.files()
    look.served(rows)
    look.read()
    look.submissions(rows)
    mount.stop()
    return look


def report(look, books, args):
    bad = look.bad
    print("# did: " + ", ".join("%s %d" % c for c in sorted(books.counts.items())))
    print("# requests %d, kills %d, creates %d, taken %d, ready %d, duplicates %d, lost %d, torn %d, uncertain %d" % (
        len(books.submissions), books.counts["kills"], sum(look.tries.values()), len(look.taken), look.ready,
        len(bad["duplicates"]), len(bad["lost"]), len(bad["torn"]), look.uncertain))
    checks = [("lost", "nothing that was promised is lost"), ("torn", "no picture is torn or another's"),
              ("duplicates", "the service took nothing twice"),
              ("revived", "what was removed stays away"), ("unasked", "nothing is there that nobody asked for"),
              ("failed", "nothing failed for good"), ("idle", "it was put to the test"), ("surprise", "every call was answered as it should be")]
    if args.ambiguous == "retry":  # that is what the setting accepts
        checks = [c for c in checks if c[0] != "duplicates"]
    bad["surprise"] = books.surprises
    bad["idle"] = books.untried()
    if look.ready * 4 < len(books.submissions):
        bad["idle"].append("only %d of %d requests became pictures" % (look.ready, len(books.submissions)))
    for i, (kind, sentence) in enumerate(checks):
        print("%s %d - %s (%d)" % ("not ok" if bad[kind] else "ok", i + 1, sentence, len(bad[kind])))
        for text in bad[kind][:8]:
            print("#   " + text.rstrip().replace("\n", "\n#   "))
    print("1..%d" % len(checks), flush=True)
    return 1 if any(bad[kind] for kind, _ in checks) else 0


# The whole of it.

def torture(folder, args):
    with open(os.open(os.path.join(folder, "key"), os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
        f.write("sk-test-%d\n" % args.seed)
    dice = random.Random(args.seed)
    books = Books()
    service = Service(folder, args.seed)
    mount = None
    try:
        mount = Mount(folder, args.program, service, args.ambiguous)
        guard = threading.Timer(args.seconds + 500 * PATIENCE, lambda: mount.process and mount.process.kill())
        guard.daemon = True
        guard.start()
        service.control("script", {"rules": FAULTS})
        mount.start()
        actors = [Writer(i, args.seed, mount, books) for i in range(WRITERS)]
        actors += [Reader(i, args.seed, mount, books) for i in range(READERS)]
        actors += [Looker(0, args.seed, mount, books)]
        work(mount, service, books, dice, actors, args.seconds)
        settle(mount, service)
        status = report(audit(mount, service, books), books, args)
    except (Hang, OSError, subprocess.TimeoutExpired) as e:
        print("not ok 1 - it goes to its end\n# %s: %s\n1..1" % (type(e).__name__, e))
        status = 1
    finally:
        if mount:
            mount.end()
        service.end()
    return status


def work(mount, service, books, dice, actors, seconds):
    for actor in actors:
        actor.start()
    try:
        rage(mount, service, books, dice, seconds)
    finally:
        for actor in actors:
            actor.over.set()
    for actor in actors:
        actor.join(LIMIT)
        if actor.is_alive():
            raise Hang("%s %d hangs in a call" % (type(actor).__name__, actor.number))


def tail(path):
    try:
        with open(path, errors="replace") as f:
            for line in f.readlines()[-25:]:
                print("#   " + line.rstrip()[:200])
    except OSError:
        pass


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31))
    parser.add_argument("--ambiguous", choices=["fail", "retry"], default="fail")
    parser.add_argument("program")
    args = parser.parse_args()
    print("# seed %d, %g seconds" % (args.seed, args.seconds), flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    for name in ("EACHLABS_API_KEY", "PIMAGEFS_CONFIG"):
        os.environ.pop(name, None)
    with tempfile.TemporaryDirectory(prefix="pimagefs-torture.") as folder:
        status = torture(folder, args)
        if status:
            for name in ("log", "out", "stub.out"):
                print("# the end of %s:" % name)
                tail(os.path.join(folder, name))
    return status


if __name__ == "__main__":
    sys.exit(main())
