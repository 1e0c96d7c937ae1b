#!/usr/bin/env python3
"""Scenarios of gallery.bats: page.py SCENARIO MOUNT [ARGUMENT...]. A wrong page is an AssertionError."""

import glob
import json
import os
import re
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from browser import Browser  # noqa: E402

BLOCK = re.compile(r'(<script type="application/json" id="data">\n)([^<]*)(</script>)')
TILES = "[...document.querySelectorAll('.tile')].sort((a, b) => a.ariaPosInSet - b.ariaPosInSet)"
LABELS = TILES + ".map((t) => t.querySelector('.open').getAttribute('aria-label').split('. ')[0])"


def equal(found, wanted, what=""):
    assert found == wanted, f"{what}: found {found!r}, wanted {wanted!r}"


def status(mount):
    """What the library has: of each id what status/ says, the newest first."""
    jobs = []
    for path in glob.glob(glob.escape(mount) + "/status/**/*.json", recursive=True):
        with open(path, encoding="utf-8") as f:
            jobs.append(json.load(f))
    return sorted(jobs, key=lambda j: (j.get("completed_at") or j["submitted_at"], j["created_at"]), reverse=True)


def gallery(mount):
    return mount + "/gallery.html"


def settled(b, n):
    """So many are shown."""
    b.until("(document.querySelector('.tile')?.ariaSetSize ?? '0') === arguments[0]", str(n))


def search(b, text, wanted):
    b.keys("ESCAPE", "/", text)
    b.until("document.getElementById('q').value === arguments[0]", text)
    found = b.js("return " + LABELS)
    equal(sorted(found), sorted(wanted), f"search for {text}")


def choose(b, select, value, wanted):
    b.js("""const s = document.getElementById(arguments[0]); s.value = arguments[1];
        if (s.value !== arguments[1]) throw new Error('no such option');
        s.dispatchEvent(new Event('change'))""", select, value)
    equal(sorted(b.js("return " + LABELS)), sorted(wanted), f"{select} = {value}")
    b.js("document.getElementById('clear').click()")


# --- scenarios


def library(mount):
    jobs = status(mount)
    with Browser(1600, 2400) as b:
        b.open(gallery(mount))
        b.drawn()
        shown = b.js(f"""return {TILES}.map((t) => {{ const i = t.querySelector('img');
            return [t.querySelector('.open').getAttribute('aria-label'), i ? decodeURIComponent(i.getAttribute('src')) : null,
                i ? i.naturalWidth + 'x' + i.naturalHeight : null, t.className.split(' ')[1]] }})""")
        equal(len(shown), len(jobs), "pictures")
        groups = {"ready": "ready", "failed": "failed", "processing": "running"}
        for (label, source, size, group), job in zip(shown, jobs):
            assert label.startswith(job["prompt"]), (label, job["prompt"])
            equal(group, groups[job["state"]], job["id"])
            if job["state"] == "ready":
                image = job["image"]
                ending = {"image/png": ".png", "image/jpeg": ".jpg"}[image["mime"]]
                equal(source, "images/" + job["id"] + ending)
                equal(size, f"{image['width']}x{image['height']}", job["id"])
        b.until("document.getElementById('count').textContent.includes('8 pictures')")
        details(b, jobs)
        equal(b.complaints(), [], "console")


def details(b, jobs):
    b.keys("HOME", "ENTER")
    for job in jobs:
        equal(b.js("return document.getElementById('v-name').textContent"), job["id"])
        equal(b.js("return document.getElementById('v-prompt').textContent"), job["prompt"])
        facts = dict(b.js("""return [...document.querySelectorAll('#v-facts dt')]
            .map((t) => [t.textContent, t.nextElementSibling.textContent])"""))
        equal(facts["Model"], job["model"])
        equal(facts["Seed"], str(job["seed"]))
        equal(json.loads(b.js("return document.getElementById('v-request').textContent")), job["request"])
        if job["state"] == "ready":
            assert facts["Size"].startswith(f"{job['image']['width']} × {job['image']['height']}"), facts
            equal(facts["Prediction"], job["prediction_id"])
        if job["state"] == "failed":
            assert job["error"]["message"] in b.js("return document.getElementById('v-error').textContent")
        b.keys("ARROW_RIGHT")


def search_and_filter(mount):
    moons = ["a small moon", "a huge moon"]
    with Browser(1600, 2400) as b:
        b.open(gallery(mount))
        settled(b, 10)
        search(b, "moon", moons)
        search(b, "huge MOON", ["a huge moon"])
        search(b, '"red fox"', ["a red fox in the snow"])
        search(b, "moon -huge", ["a small moon"])
        search(b, "cafe", ["a tabby café cat"])
        search(b, "987654321012", ["a tabby café cat"])
        search(b, "old-prints", moons)
        search(b, "p-image-text", ["plain hills"])
        search(b, "cats/tabby", ["a tabby café cat"])
        search(b, "nothing at all", [])
        assert b.js("return !document.getElementById('none').hidden")
        b.js("document.getElementById('clear').click()")
        settled(b, 10)
        choose(b, "model", "p-image-text-to-image", ["plain hills"])
        choose(b, "lora", "huggingface.co/example/old-prints", moons)
        found = b.js("return [...document.getElementById('size').options].map((o) => o.value)")
        assert {"512×768", "landscape"} & set(found), found
        everything = b.js("return " + LABELS)
        choose(b, "date", "today", everything)
        choose(b, "date", "yesterday", [])
        b.js("document.querySelector('[data-state=failed]').click()")
        equal(b.js("return " + LABELS), ["bad wish"])
        # What was wished survives a reload.
        b.call("POST", "/refresh", {})
        b.until("document.querySelector('[data-state=failed]').ariaChecked === 'true'")
        equal(b.js("return " + LABELS), ["bad wish"])
        b.js("document.getElementById('clear').click()")
        b.js("""const s = document.getElementById('sort'); s.value = 'oldest'; s.dispatchEvent(new Event('change'))""")
        equal(b.js("return " + LABELS), everything[::-1], "oldest first")
        heights = []
        for value in (120, 440):
            b.js("""const s = document.getElementById('height'); s.value = arguments[0]; s.dispatchEvent(new Event('input'))""", value)
            heights.append(b.js("return document.querySelector('.tile.ready').offsetHeight"))
        assert heights[0] * 2 < heights[1], heights
        ratings_and_tags(b, mount)


def changed_page(mount, change):
    """A copy of the page whose data is changed, beside nothing: its pictures are elsewhere."""
    with open(gallery(mount), encoding="utf-8") as f:
        text = f.read()
    found = BLOCK.search(text)
    data = json.loads(found[2])
    change(data)
    block = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
    path = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"changed-{os.getpid()}.html")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text[:found.start(2)] + block + text[found.end(2):])
    return path


def ratings_and_tags(b, mount):
    def change(data):
        for job in data["jobs"]:
            if job["id"] == "fox":
                job.update(rating=9, tags=["winter", "best of"])
            if job["id"] == "moon":
                job.update(rating=4)
    b.open(changed_page(mount, change))
    settled(b, 10)
    search(b, "winter", ["a red fox in the snow"])
    b.js("document.getElementById('clear').click()")
    choose(b, "rating", "4", ["a red fox in the snow", "a small moon"])
    choose(b, "rating", "8", ["a red fox in the snow"])
    b.js("""const s = document.getElementById('sort'); s.value = 'rating'; s.dispatchEvent(new Event('change'))""")
    equal(b.js("return " + LABELS)[:2], ["a red fox in the snow", "a small moon"])


def keys(mount):
    jobs = status(mount)
    with Browser(1280, 800) as b:
        b.open(gallery(mount))
        settled(b, 10)
        b.keys("/", "zz")
        equal(b.js("return document.activeElement.id"), "q")
        settled(b, 0)
        b.keys("ESCAPE")
        settled(b, 10)
        focused = "document.activeElement.closest('.tile')?.ariaPosInSet"
        b.keys("ARROW_RIGHT")
        equal(b.js("return " + focused), "1")
        b.keys("ARROW_RIGHT", "ARROW_RIGHT")
        equal(b.js("return " + focused), "3")
        b.keys("ARROW_LEFT")
        equal(b.js("return " + focused), "2")
        b.keys("ARROW_DOWN")
        assert int(b.js("return " + focused)) > 2
        b.keys("END")
        equal(b.js("return " + focused), "10")
        b.keys("HOME", "ENTER")
        name = "document.getElementById('v-name').textContent"
        equal(b.until("document.getElementById('viewer').open && " + name), jobs[0]["id"])
        at = next(i for i in range(2, 9) if jobs[i]["state"] == "ready")
        b.keys(*["ARROW_RIGHT"] * at)
        equal(b.js("return " + name), jobs[at]["id"])
        b.keys("f")
        b.until("document.getElementById('viewer').classList.contains('bare')")
        b.until("document.querySelector('#v-picture img')?.offsetWidth === 1280")
        b.keys("ARROW_RIGHT")
        equal(b.js("return " + name), jobs[at + 1]["id"])
        b.keys("f")
        b.until("!document.getElementById('viewer').classList.contains('bare')")
        b.keys("ESCAPE")
        b.until("!document.getElementById('viewer').open")
        b.until(focused + f" === '{at + 2}'")  # the focus comes back to what was shown last
        b.keys("f")
        b.until("document.getElementById('viewer').classList.contains('bare')")
        equal(b.js("return " + name), jobs[at + 1]["id"])
        b.keys("ESCAPE", "ESCAPE")
        b.until("!document.getElementById('viewer').open")
        # The browser gives the screen only now, and while it has it nothing behind can have the focus.
        b.js("""window.turns = 0;
            addEventListener('fullscreenchange', () => window.turns++);
            const stage = document.getElementById('stage'), request = stage.requestFullscreen;
            stage.requestFullscreen = async () => {
                await new Promise((come) => window.come = come);
                return request.call(stage);
            };""")
        b.keys("HOME", "ENTER", "ARROW_RIGHT", "f", "f", "ESCAPE")
        b.until("!document.getElementById('viewer').open")
        b.js("window.come()")
        b.until("window.turns === 2")
        b.until(focused + " === '2'")
        b.keys("?")
        b.until("document.getElementById('help').open")
        equal(b.complaints(), [], "console")


def compare(mount):
    with Browser(1280, 800) as b:
        b.open(gallery(mount))
        b.keys("/", "moon", "ENTER", "c")
        assert b.js("return document.getElementById('compare-open').disabled")
        b.keys("ARROW_RIGHT", "c")
        b.click("#compare-open")
        b.until("document.getElementById('compare').open")
        rows = dict(b.js("""return [...document.querySelectorAll('#c-table tbody tr')]
            .map((r) => [r.dataset.field, [...r.cells].slice(1).map((c) => c.innerHTML)])"""))
        equal(set(rows), {"prompt", "seed"}, "what differs")
        equal(sorted(rows["seed"]), ["5", "6"])
        assert any("<del>" in cell for cell in rows["prompt"]) and any("<ins>" in cell for cell in rows["prompt"]), rows
        same = b.js("return document.getElementById('c-same').textContent")
        for word in ("old-prints", "lora scale 0.5", "p-image-lora-text-to-image"):
            assert word in same, same
        b.keys("ESCAPE")
        b.until("!document.getElementById('compare').open")
        b.click("#compare-clear")
        b.until("document.getElementById('bar').hidden && !document.querySelector('.chosen')")


def clipboard(b):
    return b.call("POST", "/execute/async", {"args": [], "script":
                  "const done = arguments[0]; navigator.clipboard.readText().then(done, (e) => done('' + e))"})


def copied(b, button):
    b.click("#copy-" + button)
    b.until("/copied/.test(document.getElementById('toast').textContent)")
    text = clipboard(b)
    b.js("document.getElementById('toast').textContent = ''; return navigator.clipboard.writeText('nothing')")
    return text


def copy(mount, folder):
    os.mkdir(folder)
    with Browser(1280, 800) as b:
        b.cdp("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
        b.open(gallery(mount))
        settled(b, 1)
        b.keys("ARROW_RIGHT", "ENTER")
        b.until("document.getElementById('viewer').open")
        for what in ("prompt", "seed", "json", "variation", "remove"):
            with open(f"{folder}/{what}", "w", encoding="utf-8", newline="") as f:
                f.write(copied(b, what))
        # The older way gives the same.
        b.js("navigator.clipboard.writeText = () => Promise.reject(new Error('no'))")
        b.click("#copy-remove")
        b.until("/copied/.test(document.getElementById('toast').textContent)")
        with open(f"{folder}/remove", encoding="utf-8") as f:
            equal(clipboard(b), f.read())
        # And if that is not allowed either, a person can do it.
        b.js("document.execCommand = () => false")
        b.click("#copy-seed")
        b.until("document.getElementById('manual').open")
        equal(b.js("return getSelection().toString() || document.getElementById('m-text').value"), "9223372036854775807")
        equal(b.complaints(), [], "console")


def text(mount):
    jobs = {job["id"]: job for job in status(mount)}
    with Browser(1280, 800) as b:
        b.open(gallery(mount))
        settled(b, 10)
        for word in ("pwned", "שועל"):
            b.keys("ESCAPE", "/", word, "ENTER", "ENTER")
            b.until("document.getElementById('viewer').open")
            job = jobs[b.js("return document.getElementById('v-name').textContent")]
            assert word in job["prompt"]
            equal(b.js("return document.getElementById('v-prompt').textContent"), job["prompt"])
            b.js("document.getElementById('v-more').open = true")
            b.drawn()
            b.keys("ESCAPE")
        assert b.js("return window.pwned === undefined")
        assert b.js("return [...document.scripts].length === 2")
        equal(b.js("return getComputedStyle(document.getElementById('v-prompt')).direction"), "rtl")
        equal(b.complaints(), [], "console")


def unnamed(b):
    """What a screen reader could reach and not tell of."""
    tree = b.cdp("Accessibility.getFullAXTree")["nodes"]
    roles = {"button", "link", "textbox", "searchbox", "combobox", "slider", "radio", "image", "dialog", "article", "heading"}
    return [n["role"]["value"] for n in tree if not n.get("ignored") and n["role"]["value"] in roles - {"article"}
            and not n.get("name", {}).get("value")]


def access(mount):
    with Browser(1280, 800) as b:
        b.open(gallery(mount))
        settled(b, 10)
        b.drawn()
        equal(unnamed(b), [], "without a name")
        equal(b.js("return document.getElementById('grid').getAttribute('role')"), "feed")
        # With Tab alone: one stop for all the pictures.
        seen = []
        for _ in range(30):
            b.keys("TAB")
            seen.append(b.js("""const a = document.activeElement;
                return a.closest('.tile') ? 'tile' + a.className : a.id || a.dataset.state || a.tagName"""))
        for stop in ("q", "height", "theme", "date", "sort", "tileopen"):
            assert stop in seen, (stop, seen)
        assert seen.count("tileopen") <= 2, seen
        b.js("document.querySelector('.tile.ready .open').focus()")
        b.keys("ENTER")
        b.until("document.getElementById('viewer').open")
        equal(unnamed(b), [], "in the dialog without a name")
        for _ in range(25):
            b.keys("TAB")
            assert b.js("const a = document.activeElement; return a === document.body || !!a.closest('#viewer')")
        b.keys("ESCAPE")
        colours = []
        for dark in (False, True):
            b.media(dark=dark)
            colours.append(b.js("return getComputedStyle(document.body).backgroundColor"))
        assert colours[0] != colours[1], colours
        b.click("#theme")  # light, whatever the system says
        equal(b.js("return getComputedStyle(document.body).backgroundColor"), colours[0])
        for width in (360, 820, 1280):
            b.size(width, 800)
            b.until("document.documentElement.scrollWidth <= innerWidth")


def bare(mount):
    with Browser(1280, 800) as b:
        b.cdp("Page.addScriptToEvaluateOnNewDocument", source="""
            Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('no', 'SecurityError'); } });
            Object.defineProperty(navigator, 'clipboard', { value: undefined });
            history.replaceState = () => { throw new DOMException('no', 'SecurityError'); };
            document.addEventListener('copy', () => { window.seen = document.activeElement.value; });""")
        b.open(gallery(mount))
        settled(b, 10)
        b.click("#theme")
        b.keys("/", "red fox", "ENTER", "ENTER")
        b.until("document.getElementById('viewer').open")
        b.click("#copy-prompt")
        equal(b.until("window.seen"), "a red fox in the snow")
        equal(b.complaints(), [], "console")


def crowd(mount):
    def change(data):
        ready = [job for job in data["jobs"] if job["state"] == "ready"]
        data["jobs"] = [dict(ready[i % len(ready)], number=i, id=f"p{i}", prompt=f"{ready[i % len(ready)]['prompt']}, number {i}",
                             completed_at=time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(1790000000 + i * 600)))
                        for i in range(20000)]
    path = changed_page(mount, change)
    with Browser(1440, 900) as b:
        b.open(path)
        settled(b, 20000)
        loaded = b.js("return performance.getEntriesByType('navigation')[0].domComplete")
        spent = b.js("""const q = document.getElementById('q'), out = [];
            for (const word of ['m', 'moon', 'number 1999', 'zz', '']) {
                const t = performance.now();
                q.value = word;
                q.dispatchEvent(new Event('input'));
                document.body.offsetHeight;
                out.push(performance.now() - t);
            }
            return out""")
        b.js("""window.frames_ = []; window.most = 0;
            let last = performance.now(), y = 0;
            const step = () => {
                const now = performance.now();
                frames_.push(now - last);
                last = now;
                scrollTo(0, y += 150);
                most = Math.max(most, document.querySelectorAll('*').length);
                if (frames_.length < 200) requestAnimationFrame(step);
            };
            requestAnimationFrame(step)""")
        frames = sorted(b.until("window.frames_.length >= 200 && window.frames_"))
        elements = b.js("return window.most")
        print(f"# 20,000 pictures: there after {loaded:.0f} ms, a search {max(spent):.0f} ms at most, a frame {frames[100]:.0f} ms "
              f"(median) {frames[190]:.0f} ms (19 of 20), {elements} elements")
        assert elements < 2500, elements
        b.keys("END")
        b.until("document.activeElement.closest('.tile')?.ariaPosInSet === '20000'")
    os.unlink(path)


def gathering(mount):
    def change(data):
        data["complete"] = False
    path = changed_page(mount, change)
    with Browser(1280, 800) as b:
        b.open(path)
        b.until("document.getElementById('count').textContent.includes('gathering')")
        b.until("Number(window.name.split('-')[1]) >= 2")
        with open(path, encoding="utf-8") as f:
            whole = f.read().replace('"complete": false', '"complete": true')
        with open(path + ".new", "w", encoding="utf-8") as f:
            f.write(whole)
        os.rename(path + ".new", path)
        b.until("window.name === '' && document.querySelector('.tile')")
    os.unlink(path)


SCENARIOS = {"library": library, "search": search_and_filter, "keys": keys, "compare": compare, "copy": copy, "text": text,
             "access": access, "bare": bare, "crowd": crowd, "gathering": gathering}

if __name__ == "__main__":
    SCENARIOS[sys.argv[1]](*sys.argv[2:])
