"""Chromium without a screen, on one page of the mount; what tests of gallery.html and its screenshots share.

Nothing sleeps for a fixed time: `until` asks the page until it is so, or the limit has passed."""

import base64
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from urllib.parse import quote

LIMIT = 60 * int(os.environ.get("TEST_PATIENCE", "1"))
FLAGS = """--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
    --disable-component-update --disable-sync --disable-dev-shm-usage --hide-scrollbars --force-color-profile=srgb
    --lang=en-GB --blink-settings=primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4"""
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
KEYS = {"ENTER": "\ue007", "ESCAPE": "\ue00c", "TAB": "\ue004", "SHIFT": "\ue008", "END": "\ue010", "HOME": "\ue011",
        "ARROW_LEFT": "\ue012", "ARROW_UP": "\ue013", "ARROW_RIGHT": "\ue014", "ARROW_DOWN": "\ue015"}


class Browser:
    """A session of chromedriver's, spoken to by the plain protocol (W3C WebDriver)."""

    def __init__(self, width=1440, height=900, dark=False):
        self.home = tempfile.mkdtemp(prefix="pimagefs-browser.")
        environment = dict(os.environ, HOME=self.home)
        self.driver = subprocess.Popen([shutil.which("chromedriver"), "--port=0"], stdout=subprocess.PIPE,
                                       stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True, env=environment)
        self.base = None
        self.lives = False
        try:
            for line in self.driver.stdout:
                found = re.search(r"successfully on port (\d+)", line)
                if found:
                    self.base = f"http://127.0.0.1:{found[1]}/session"
                    break
            self.base += "/" + self.call("POST", "", {"capabilities": {"alwaysMatch": {
                "goog:loggingPrefs": {"browser": "ALL"},
                "goog:chromeOptions": {"binary": shutil.which("chromium"), "args": FLAGS.split() + [
                    f"--user-data-dir={self.home}/data", f"--window-size={width},{height}"]}}}})["sessionId"]
            self.lives = True
        except BaseException:
            self.close()
            raise
        self.size(width, height)
        self.media(dark=dark)

    def call(self, method, path, body=None):
        request = urllib.request.Request(self.base + path, method=method, headers={"Content-Type": "application/json"},
                                         data=None if body is None else json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=4 * LIMIT) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise AssertionError(error.read().decode(errors="replace")[:2000]) from None

    def close(self):
        try:
            if self.lives:
                self.call("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait()
            shutil.rmtree(self.home, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def cdp(self, command, **arguments):
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": arguments})

    def size(self, width, height, scale=0, mobile=False):
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=mobile)

    def media(self, dark=False, reduced=False):
        self.cdp("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if reduced else "no-preference"}])

    def open(self, path, fragment=""):
        self.call("POST", "/url", {"url": "file://" + quote(path) + fragment})

    def js(self, text, *arguments):
        return self.call("POST", "/execute/sync", {"script": text, "args": list(arguments)})

    def until(self, text, *arguments):
        """What the expression says as soon as it is true."""
        end = time.monotonic() + LIMIT
        while True:
            found = self.js("return " + text, *arguments)
            if found:
                return found
            if time.monotonic() > end:
                raise AssertionError(f"waited in vain for: {text} {arguments}")
            time.sleep(0.02)

    def keys(self, *keys):
        """To whatever has the focus: names of KEYS, or texts."""
        actions = [{"type": kind, "value": letter} for key in keys for letter in KEYS.get(key, key)
                   for kind in ("keyDown", "keyUp")]
        self.call("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def click(self, selector):
        found = self.call("POST", "/element", {"using": "css selector", "value": selector})
        self.call("POST", f"/element/{found[ELEMENT]}/click", {})

    def drawn(self):
        """All pictures in the window are there, and on the screen."""
        self.until("""document.readyState === 'complete' && [...document.images].filter((i) => {
            const r = i.getBoundingClientRect();
            return r.width && r.bottom > 0 && r.top < innerHeight;
        }).every((i) => i.src && i.complete && i.naturalWidth && (!i.closest('.tile') || i.classList.contains('there')))""")
        self.call("POST", "/execute/async", {"args": [], "script": """const done = arguments[0];
            Promise.all([...document.images].filter((i) => i.complete).map((i) => i.decode().catch(() => {})))
                .then(() => Promise.all(document.getAnimations().filter((a) => a.effect.getTiming().iterations === 1)
                    .map((a) => a.finished.catch(() => {}))))
                .then(() => requestAnimationFrame(() => requestAnimationFrame(() => done())))"""})

    def shoot(self, path):
        self.drawn()
        with open(path, "wb") as out:
            out.write(base64.b64decode(self.call("GET", "/screenshot")))

    def complaints(self):
        """What the page's console holds against it."""
        return [line["message"] for line in self.call("POST", "/se/log", {"type": "browser"})
                if line["level"] in ("SEVERE", "WARNING")]
