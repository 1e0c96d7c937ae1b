#!/usr/bin/env python3
"""Of screenshots.sh: screenshots.py MOUNT FOLDER takes the gallery's pictures."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from browser import Browser  # noqa: E402

mount, folder = sys.argv[1:]


def shot(name):
    b.shoot(f"{folder}/{name}.png")


with Browser(1440, 900) as b:
    b.media(reduced=True)
    b.open(mount + "/gallery.html", "#state=ready")
    shot("grid-light")
    b.media(dark=True, reduced=True)
    shot("grid-dark")
    b.keys("HOME", "ARROW_RIGHT", "ENTER")
    shot("viewer-dark")
    b.media(reduced=True)
    shot("viewer-light")
    b.keys("f")
    shot("full-screen")
    b.keys("f", "ESCAPE", "/", "dunes", "ENTER", "c", "ARROW_RIGHT", "c")
    shot("chosen")
    b.click("#compare-open")
    shot("compare")
    b.keys("ESCAPE")
    b.click("#compare-clear")
    b.keys("ESCAPE")
    b.keys("?")
    shot("help")
    b.keys("ESCAPE")
    b.call("POST", "/url", {"url": "about:blank"})
    with open(f"{mount}/requests/another.json", "w", encoding="utf-8") as f:
        f.write('{"prompt": "a paper boat on a canal, first snow"}')
    b.open(mount + "/gallery.html")
    shot("running")
    b.call("POST", "/url", {"url": "about:blank"})
    b.size(390, 844, scale=2, mobile=True)
    b.open(mount + "/gallery.html")
    shot("phone")
    b.click("#tune")
    shot("phone-filters")
    b.js("document.querySelectorAll('.tile.ready .open')[1].click()")
    shot("phone-viewer")
    b.media(dark=True, reduced=True)
    b.keys("ESCAPE")
    shot("phone-dark")
    complaints = b.complaints()
    if complaints:
        sys.exit("\n".join(complaints))
