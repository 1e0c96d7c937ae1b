"""Sample pictures for the stand-in service: PNGs made here, the smallest JPEG and WebP as bytes, files of tests/data."""

import base64
import hashlib
import os
import random
import struct
import zlib

JPEG = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQ"
    "c1tdhbWGkJ6jq62rZ4C8ybqmx5moq6T/wAALCAAQABABAREA/8QAFQABAQAAAAAAAAAAAAAAAAAAAAL/xAAUEAEA"
    "AAAAAAAAAAAAAAAAAAAA/9oACAEBAAA/AKAf/9k="
)
WEBP = base64.b64decode("UklGRh4AAABXRUJQVlA4TBEAAAAvD8ADAAdQvCIXpf+BiOh/AAA=")
SAMPLES = os.path.join(os.path.dirname(__file__), "..", "data", "pictures")
HTML = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>Wi-Fi</body></html>\n"


def _chunk(kind, data):
    crc = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)


def png(text, width=48, height=27, colour=None):
    """A valid RGB PNG, plain, or of noise that depends on text, so that no two requests give the same bytes."""
    noise = random.Random(hashlib.sha256(text.encode("utf-8", "replace")).digest())
    plain = colour and bytes.fromhex(colour) * width
    rows = b"".join(b"\0" + (plain or noise.randbytes(width * 3)) for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", head)
        + _chunk(b"IDAT", zlib.compress(rows, 1))
        + _chunk(b"IEND", b"")
    )


def body(kind, text, pixels, colour=None):
    """The bytes and the content type of one kind of download."""
    if kind == "png":
        return png(text, *pixels, colour), "image/png"
    if "." in kind:
        with open(os.path.join(SAMPLES, os.path.basename(kind)), "rb") as sample:
            return sample.read(), "application/octet-stream"
    return {
        "jpg": (JPEG, "image/jpeg"),
        "webp": (WEBP, "image/webp"),
        "html": (HTML, "text/html"),
        "json": (b'{"status":"error","message":"no such file"}', "application/json"),
        "empty": (b"", "image/png"),
        "gif": (b"GIF89a" + bytes(32), "image/gif"),
        "noise": (bytes(range(256)) * 4, "image/png"),
    }[kind]
