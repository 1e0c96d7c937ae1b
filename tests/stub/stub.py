#!/usr/bin/env python3
"""A scripted stand-in for the each::labs prediction API and its CDN, on loopback, for tests.

    stub.py --port-file FILE [--log FILE] [--key KEY_FILE] [--duration-ms N] [--parent PID] [--seed N]

The API is http://127.0.0.1:PORT/v1 (the port is written to FILE once both listeners are up), the CDN is
http://127.0.0.2:OTHER_PORT/files/..., another host, as at the real service. HTTP is spoken by hand, so
that an answer can be cut, stalled, dripped or left out.

Without a script every create is accepted and every prediction is done after --duration-ms (default 0);
its picture is a PNG of noise that depends on its id. A wrong or missing key gets 401.

SIGUSR1 takes the service off the network: both ports are closed, all connections are cut, and FILE goes.
SIGUSR2 brings it back on the same ports, with all that it knows; FILE is there again when that is done.

Control (on the API's port; nothing here is counted or logged):
    POST /control/script   {"rules": [RULE, ...], "options": {...}}   adds rules, sets options
    POST /control/reset    forgets the rules (predictions and counts stay)
    POST /control/release  {"kind": K, "prompt": TEXT}  lets held predictions and held answers go
    GET  /control/count?kind=K&prompt=TEXT              a number
    GET  /control/wait?kind=K&prompt=TEXT&n=N&timeout=S the number, as soon as it is N (504: too late)
    GET  /control/stats    counts, number running, highest number running
    GET  /control/prompts  the prompts of all creates in their order, one a line, as JSON texts
    GET  /control/creates  the bodies of all creates, one JSON text a line (with secrets masked)
    GET  /control/picture?prompt=TEXT                   the bytes that the last such prediction is worth
    GET  /control/taken    all predictions in their order, one a line: {"id", "name", "prompt", "cancelled"}

Kinds: create poll cancel download other; counted only: refused (429 by limits), unauthorised,
leak (a key or an hf_api_token sent to the CDN), connection.

RULE: {"on": K, "prompt": SUBSTRING, "nth": N or [N, ...], "each": true, "times": N, "chance": P, "do": ACTION}
    on is a kind, "any", or "prediction" (its ACTION is looked up when the prediction is made).
    nth counts the calls that the rule matched (per prediction with "each"); the last rule that
    matches wins. times: the rule is used up after so many. chance: it matches with probability P, by --seed.
ACTION for a prediction:
    hold           processing until released
    duration_ms    processing so long
    id, link       any text instead of what would be given ($ID and $LINK are put in)
    picture        png jpg webp html json empty gif noise, or a file of tests/data/pictures;
                   pixels: [width, height] of the PNG; colour: "RRGGBB", all of it
ACTION for a call:
    status, body (text or JSON), type, headers {..}     an answer of your own ($ID, $LINK are put in)
    answer         a JSON body instead of the ordinary one, status 200
    hold           answer only when released;  delay_ms: answer so much later
    drop           close after the request was read, with no answer;  reset: the same with RST
    untaken        of a create: what was read is forgotten, nothing is made of it
    cut            send so many bytes of the body, then close;  stall: then wait to be released
    length         declare this Content-Length;  endless: a body without end
    drip           [BYTES, MS]: so many bytes at a time
    redirect       "cdn", "api" (the same path at that host) or a URL, with status (default 302)
Options: limits {"creates": N, "window_ms": N, "running": N, "retry_after": TEXT}; others N: so many of the
running are somebody else's, who has the same key, and as many of the creates in each window.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import sys
import time
import urllib.parse

import pictures
from wire import HEAD_MAX, Answer, read_request, send


class Prediction:
    def __init__(self, number, prompt, action, duration_ms):
        self.prompt = prompt
        self.action = action
        self.id = action.get("id", "pred-%06d" % number)
        self.name = "%06d" % number
        self.held = bool(action.get("hold"))
        self.cancelled = False
        self.seconds = action.get("duration_ms", duration_ms) / 1000
        self.done_at = time.monotonic() + self.seconds

    def over(self):
        return self.cancelled or not (self.held or time.monotonic() < self.done_at)

    def picture(self):
        pixels = self.action.get("pixels", [48, 27])
        kind = self.action.get("picture", "png")
        return pictures.body(kind, self.name + self.prompt, pixels, self.action.get("colour"))


class Rule:
    def __init__(self, data, dice):
        unknown = set(data) - {"on", "prompt", "nth", "each", "times", "chance", "do"}
        if unknown or not isinstance(data.get("do"), dict):
            raise ValueError("bad rule: %r" % data)
        self.on = data["on"]
        self.prompt = data.get("prompt", "")
        nth = data.get("nth")
        self.nth = [nth] if isinstance(nth, int) else nth
        self.each = data.get("each", False)
        self.times = data.get("times", -1)
        self.chance = data.get("chance", 1)
        self.dice = dice
        self.do = data["do"]
        self.seen = {}

    def take(self, kind, prompt, prediction_id):
        if self.on not in (kind, "any") or self.prompt not in prompt or self.times == 0:
            return None
        if self.on == "any" and kind == "prediction":
            return None
        if self.dice.random() >= self.chance:
            return None
        key = prediction_id if self.each else None
        self.seen[key] = self.seen.get(key, 0) + 1
        if self.nth and self.seen[key] not in self.nth:
            return None
        self.times -= 1
        return self.do


def fill(value, id_text, link):
    """Put $ID and $LINK into every text of a JSON value."""
    if isinstance(value, str):
        return value.replace("$ID", id_text).replace("$LINK", link)
    if isinstance(value, list):
        return [fill(v, id_text, link) for v in value]
    if isinstance(value, dict):
        return {k: fill(v, id_text, link) for k, v in value.items()}
    return value


def mask(value):
    if isinstance(value, dict):
        return {k: "***" if k == "hf_api_token" else mask(v) for k, v in value.items()}
    return value


class Stub:
    def __init__(self, args):
        self.key = open(args.key).read().strip() if args.key else None
        self.log = open(args.log, "a", buffering=1) if args.log else None
        self.duration_ms = args.duration_ms
        self.dice = random.Random(args.seed)
        self.rules = []
        self.limits = {}
        self.others = 0
        self.calls = []  # (kind, prompt), in order
        self.creates = []  # bodies, in order
        self.times = []  # of the creates taken, for the window
        self.predictions = {}  # by id
        self.files = {}  # by the name in their link
        self.held = []  # (kind, prompt, event)
        self.writers = set()  # of the open connections
        self.peak = 0
        self.changed = asyncio.Event()
        self.api = self.cdn = ""

    # What happens to each call.

    def count(self, kind, prompt=""):
        self.calls.append((kind, prompt))
        self.changed.set()
        self.changed = asyncio.Event()

    def counted(self, kind, prompt=""):
        return sum(1 for k, p in self.calls if k == kind and prompt in p)

    def action(self, kind, prompt, prediction_id=None):
        found = {}
        for rule in self.rules:
            do = rule.take(kind, prompt, prediction_id)
            if do is not None:
                found = do
        return found

    def key_sent(self, request):
        given = request.headers.get("x-api-key")
        bearer = request.headers.get("authorization", "")
        if given is None and bearer.startswith("Bearer "):
            given = bearer[7:]
        if given is None:
            return "none"
        return "right" if self.key is None or given == self.key else "wrong"

    def leaks(self, request):
        text = json.dumps(request.headers) + request.target + request.body.decode("utf-8", "replace")
        return self.key_sent(request) != "none" or bool(self.key and self.key in text) \
            or "hf_api_token" in text

    def note(self, request, kind, prompt):
        self.count(kind, prompt)
        if request.at_cdn and self.leaks(request):
            self.count("leak", prompt)
        if not self.log:
            return
        hidden = ("x-api-key", "authorization")
        headers = {k: "***" if k in hidden else v for k, v in request.headers.items()}
        body = request.json() if request.body else None
        self.log.write(json.dumps({
            "time": time.time(), "kind": kind, "host": "cdn" if request.at_cdn else "api",
            "method": request.method, "path": request.target, "headers": headers,
            "key": self.key_sent(request), "body": mask(body)}) + "\n")

    def running(self):
        return sum(1 for p in self.predictions.values() if not p.over())

    def over_limit(self):
        limits, now = self.limits, time.monotonic()
        if "running" in limits and self.running() + self.others >= limits["running"]:
            return True
        if "creates" not in limits:
            return False
        start = now - limits.get("window_ms", 60000) / 1000
        return sum(1 for t in self.times if t > start) + self.others >= limits["creates"]

    def link(self, prediction):
        link = "%s/files/%s.png" % (self.cdn, prediction.name)
        return prediction.action.get("link", link).replace("$LINK", link)

    def decide(self, request):
        """The kind of call, its prediction, and the answer if all goes well."""
        parts = request.path.strip("/").split("/")
        if parts[0] == "files" and request.method == "GET" and len(parts) == 2:
            return self.decide_download(parts[1])
        if request.at_cdn or parts[:2] != ["v1", "prediction"]:
            return "other", None, Answer(404, {"status": "error", "message": "no such page"})
        if len(parts) == 2 and request.method == "POST":
            return self.decide_create(request)
        found = self.predictions.get(urllib.parse.unquote(parts[2])) if len(parts) > 2 else None
        kind = "other"
        if len(parts) == 3 and request.method == "GET":
            kind = "poll"
        elif parts[3:] == ["cancel"] and request.method == "POST":
            kind = "cancel"
        if found is None or kind == "other":
            return kind, None, Answer(404, {"status": "error", "message": "unknown prediction"})
        return kind, found, self.answer_poll(found) if kind == "poll" else Answer(200, {
            "status": "success", "message": "Prediction cancelled"})

    def decide_download(self, name):
        found = self.files.get(name.partition(".")[0])
        if found is None:
            return "download", None, Answer(404, pictures.HTML, "text/html")
        body, kind = found.picture()
        return "download", found, Answer(200, body, kind)

    def decide_create(self, request):
        data = request.json()
        prompt = ""
        if isinstance(data, dict) and isinstance(data.get("input"), dict):
            prompt = str(data["input"].get("prompt", ""))
        self.creates.append(data)
        wanted = Prediction(len(self.creates), prompt, self.action("prediction", prompt),
                            self.duration_ms)
        if not prompt:
            return "create", wanted, Answer(400, {"status": "error", "message": "Invalid input",
                                                  "details": "prompt is required"})
        return "create", wanted, Answer(200, {
            "status": "success", "message": "Prediction created successfully",
            "predictionID": wanted.id})

    def answer_poll(self, prediction):
        if prediction.cancelled:
            return Answer(200, {"status": "cancelled", "predictionID": prediction.id, "output": None})
        if not prediction.over():
            return Answer(200, {"status": "processing", "predictionID": prediction.id, "output": None})
        return Answer(200, {"status": "success", "predictionID": prediction.id,
                            "output": self.link(prediction),
                            "metrics": {"predict_time": prediction.seconds or 0.25, "cost": 0.005}})

    def register(self, prediction):
        self.predictions[prediction.id] = prediction
        self.files[prediction.name] = prediction
        self.times.append(time.monotonic())
        self.peak = max(self.peak, self.running())

    def limited(self):
        headers = {}
        if self.limits.get("retry_after") is not None:
            headers["Retry-After"] = str(self.limits["retry_after"])
        self.count("refused")
        return Answer(429, {"status": "error", "message": "Rate limit exceeded"}, headers=headers)

    def scripted(self, do, answer, prediction, request):
        """The answer as the script wants it."""
        id_text = prediction.id if prediction else ""
        link = self.link(prediction) if prediction else ""
        if "redirect" in do:
            base = {"cdn": self.cdn, "api": self.api}.get(do["redirect"])
            where = base + request.target if base else do["redirect"]
            answer = Answer(do.get("status", 302), b"", "text/plain", {"Location": where})
        elif "answer" in do:
            answer = Answer(do.get("status", 200), fill(do["answer"], id_text, link))
        elif "status" in do:
            answer = Answer(do["status"], fill(do.get("body", {}), id_text, link))
        answer.type = do.get("type", answer.type)
        answer.headers.update(do.get("headers", {}))
        answer.spoil = do
        return answer

    async def respond(self, request):
        kind, prediction, answer = self.decide(request)
        prompt = prediction.prompt if prediction else ""
        self.note(request, kind, prompt)
        do = self.action(kind, prompt, prediction and prediction.id)
        if not request.at_cdn and self.key_sent(request) != "right" and kind != "download" and self.key:
            self.count("unauthorised")
            return Answer(401, {"status": "error", "message": "Unauthorized",
                                "details": "Missing or invalid X-API-Key"})
        if kind == "create" and self.over_limit():
            return self.limited()
        answer = self.scripted(do, answer, prediction, request)
        if kind == "create" and 200 <= answer.status < 300 and not do.get("untaken"):
            self.register(prediction)
        if kind == "cancel" and prediction and answer.status == 200:
            prediction.cancelled = True
        if do.get("hold"):
            await self.wait_release(kind, prompt)
        if "delay_ms" in do:
            await asyncio.sleep(do["delay_ms"] / 1000)
        if kind == "poll" and prediction and do.get("hold") and "answer" not in do:
            return self.answer_poll(prediction)
        return answer

    async def wait_release(self, kind, prompt):
        event = asyncio.Event()
        self.held.append((kind, prompt, event))
        await event.wait()

    # The control side.

    def release(self, kind, prompt):
        for p in self.predictions.values():
            if kind in (None, "prediction") and prompt in p.prompt:
                p.held = False
        for entry in list(self.held):
            if kind in (None, entry[0]) and prompt in entry[1]:
                self.held.remove(entry)
                entry[2].set()

    def picture_of(self, prompt):
        for p in reversed(list(self.files.values())):
            if prompt == p.prompt:
                return Answer(200, *p.picture())
        return Answer(404, "no such prediction")

    async def wait_count(self, kind, prompt, n, timeout_s):
        end = time.monotonic() + timeout_s
        while self.counted(kind, prompt) < n:
            try:
                await asyncio.wait_for(self.changed.wait(), end - time.monotonic())
            except asyncio.TimeoutError:
                return Answer(504, str(self.counted(kind, prompt)), "text/plain")
        return Answer(200, str(self.counted(kind, prompt)), "text/plain")

    async def control(self, request):
        verb = request.path[len("/control/"):]
        query = dict(urllib.parse.parse_qsl(request.query))
        data = request.json()
        if verb == "script":
            self.rules += [Rule(r, self.dice) for r in data.get("rules", [])]
            self.limits = data.get("options", {}).get("limits", self.limits)
            self.others = data.get("options", {}).get("others", self.others)
        elif verb == "reset":
            self.rules = []
            self.limits = {}
            self.others = 0
        elif verb == "release":
            self.release(data.get("kind"), data.get("prompt", ""))
        elif verb == "count":
            return Answer(200, str(self.counted(query["kind"], query.get("prompt", ""))))
        elif verb == "wait":
            return await self.wait_count(query["kind"], query.get("prompt", ""), int(query["n"]),
                                         float(query.get("timeout", 10)))
        elif verb == "stats":
            kinds = sorted({k for k, _ in self.calls})
            return Answer(200, {"counts": {k: self.counted(k) for k in kinds},
                                "running": self.running(), "peak": self.peak})
        elif verb == "prompts":
            return Answer(200, "".join(json.dumps(c["input"]["prompt"]) + "\n" for c in self.creates))
        elif verb == "creates":
            return Answer(200, "".join(json.dumps(mask_create(c)) + "\n" for c in self.creates))
        elif verb == "picture":
            return self.picture_of(query["prompt"])
        elif verb == "taken":
            return Answer(200, "".join(json.dumps({
                "id": p.id, "name": p.name, "prompt": p.prompt, "cancelled": p.cancelled}) + "\n"
                for p in self.files.values()))
        else:
            return Answer(404, "unknown control verb")
        return Answer(200, {})


def mask_create(body):
    return {k: mask(v) for k, v in body.items()} if isinstance(body, dict) else body


async def converse(stub, reader, writer, at_cdn):
    stub.count("connection")
    go_on = True
    while go_on:
        request = await read_request(reader, writer, at_cdn)
        if request.path.startswith("/control/") and not at_cdn:
            answer = await stub.control(request)
        else:
            answer = await stub.respond(request)
        go_on = await send(writer, answer, lambda: stub.wait_release("body", ""))


async def serve(stub, reader, writer, at_cdn):
    stub.writers.add(writer)
    try:
        await converse(stub, reader, writer, at_cdn)
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError, ValueError):
        pass
    finally:
        stub.writers.discard(writer)
        writer.close()


class Network:
    """The two listeners, and the cable that can be pulled."""

    def __init__(self, stub, port_file):
        self.stub = stub
        self.port_file = port_file
        self.ports = {False: 0, True: 0}
        self.servers = []
        self.turn = asyncio.Lock()

    async def listen(self, host, at_cdn):
        server = await asyncio.start_server(
            lambda r, w: serve(self.stub, r, w, at_cdn), host, self.ports[at_cdn],
            limit=HEAD_MAX, backlog=1024)
        self.servers.append(server)
        self.ports[at_cdn] = server.sockets[0].getsockname()[1]
        return "http://%s:%d" % (host, self.ports[at_cdn])

    async def up(self):
        async with self.turn:
            if self.servers:
                return
            self.stub.api = await self.listen("127.0.0.1", False)
            self.stub.cdn = await self.listen("127.0.0.2", True)
            with open(self.port_file + ".new", "w") as out:
                out.write("%d\n" % self.ports[False])
            os.rename(self.port_file + ".new", self.port_file)

    async def down(self):
        async with self.turn:
            for server in self.servers:
                server.close()
            self.servers = []
            for writer in self.stub.writers:
                writer.transport.abort()
            if os.path.exists(self.port_file):
                os.unlink(self.port_file)


async def watch_parent(pid):
    """Ends the stub when whoever started it is gone, so that a killed test run leaves nothing."""
    while os.path.exists("/proc/%d" % pid):
        await asyncio.sleep(1)


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port-file", required=True)
    parser.add_argument("--log")
    parser.add_argument("--key")
    parser.add_argument("--duration-ms", type=int, default=0)
    parser.add_argument("--parent", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    stub = Stub(args)

    network = Network(stub, args.port_file)
    await network.up()
    todo = set()  # the loop itself holds tasks only weakly

    def on_signal(change):
        task = asyncio.ensure_future(change())
        todo.add(task)
        task.add_done_callback(todo.discard)

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, on_signal, network.down)
    loop.add_signal_handler(signal.SIGUSR2, on_signal, network.up)
    if args.parent:
        await watch_parent(args.parent)
    else:
        await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(130)
