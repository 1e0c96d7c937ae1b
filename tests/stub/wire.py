"""HTTP by hand for the stand-in service: requests in, answers out, whole or spoilt as a script wants."""

import asyncio
import json
import re
import socket
import struct

REASONS = {200: "OK", 201: "Created", 302: "Found", 400: "Bad Request", 401: "Unauthorized",
           404: "Not Found", 429: "Too Many Requests", 500: "Internal Server Error"}
HEAD_MAX = 65536
BODY_MAX = 4 << 20


class Request:
    def __init__(self, method, target, headers, body, at_cdn):
        self.method = method
        self.path, _, self.query = target.partition("?")
        self.target = target
        self.headers = headers
        self.body = body
        self.at_cdn = at_cdn

    def json(self):
        try:
            return json.loads(self.body or b"{}")
        except ValueError:
            return None


class Answer:
    """What goes back; the fields after type are the ways to spoil it."""

    def __init__(self, status, body=b"", kind="application/json", headers=None):
        if not isinstance(body, (bytes, str)):
            body = json.dumps(body)
        self.status = status
        self.body = body.encode() if isinstance(body, str) else body
        self.type = kind
        self.headers = headers or {}
        self.spoil = {}


async def read_request(reader, writer, at_cdn):
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    match = re.fullmatch(r"([A-Z]+) (\S+) HTTP/1\.[01]", lines[0])
    if not match:
        raise ValueError("bad request line")
    headers = {}
    for line in filter(None, lines[1:]):
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = b""
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = await read_chunks(reader)
    else:
        size = int(headers.get("content-length", 0))
        if size > BODY_MAX:
            raise ValueError("body too large")
        body = await reader.readexactly(size)
    return Request(match[1], match[2], headers, body, at_cdn)


async def read_chunks(reader):
    body = b""
    while True:
        size = int((await reader.readline()).split(b";")[0], 16)
        body += (await reader.readexactly(size + 2))[:size]
        if size == 0 or len(body) > BODY_MAX:
            return body


def head_of(answer):
    size = answer.spoil.get("length", len(answer.body))
    lines = ["HTTP/1.1 %d %s" % (answer.status, REASONS.get(answer.status, "Status"))]
    lines.append("Content-Type: %s" % answer.type)
    if answer.spoil.get("endless"):
        lines.append("Connection: close")
    else:
        lines.append("Content-Length: %d" % size)
    lines += ["%s: %s" % (k, v) for k, v in answer.headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8")


async def send(writer, answer, wait_release):
    """True if the connection may be used again. wait_release is awaited where the script stalls."""
    spoil = answer.spoil
    if spoil.get("drop"):
        return False
    if spoil.get("reset"):
        writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False
    writer.write(head_of(answer))
    body = answer.body
    if "cut" in spoil:
        body = body[:spoil["cut"]]
    step, pause_ms = spoil.get("drip", [1 << 20, 0])
    for i in range(0, len(body), step):
        writer.write(body[i:i + step])
        await writer.drain()
        if pause_ms:
            await asyncio.sleep(pause_ms / 1000)
    while spoil.get("endless"):
        writer.write(bytes(65536))
        await writer.drain()
    await writer.drain()
    if "cut" in spoil and spoil.get("stall"):
        await wait_release()
        writer.write(answer.body[spoil["cut"]:])
        await writer.drain()
        return True
    return "cut" not in spoil and spoil.get("length", len(answer.body)) == len(answer.body)
