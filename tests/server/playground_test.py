#!/usr/bin/env python3
# The page at / in headless Chromium, driven by the keyboard: entities are marked, the slider asks
# nobody, everything has a name for a screen reader, and it fits a phone.
# SPDX-License-Identifier: Apache-2.0
"""tests/server/playground_test.py PROGRAM [--screenshot FILE]"""

import argparse
import base64
import json
import os
import pathlib
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

TIME_LIMIT = 120  # Seconds, of all.

SKIPPED = 77
CONTROLS = {"textbox", "slider", "button", "combobox", "link", "image"}


class Browser:
    """Chromium, spoken to over a pipe (--remote-debugging-pipe)."""

    def __init__(self, program, profile):
        to_browser, self.out = os.pipe()
        self.inward, from_browser = os.pipe()
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                   "--remote-debugging-pipe", f"--user-data-dir={profile}", "about:blank"]
        # Chromium reads from 3 and writes to 4: the shell moves the pipes there.
        self.process = subprocess.Popen(
            ["bash", "-c", f'exec "$@" 3<&{to_browser} 4>&{from_browser}', "bash", program, *options],
            pass_fds=(to_browser, from_browser), stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL)
        os.close(to_browser)
        os.close(from_browser)
        self.buffer = b""
        self.end_time = time.monotonic() + TIME_LIMIT
        self.events = []
        self.number = 0
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = None
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def call(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if getattr(self, "session", None):
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.read()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def read(self):
        while b"\0" not in self.buffer:
            left = max(0.0, self.end_time - time.monotonic())
            if not select.select([self.inward], [], [], left)[0]:
                raise RuntimeError("the browser does not answer")
            piece = os.read(self.inward, 65536)
            if not piece:
                raise RuntimeError("the browser ended")
            self.buffer += piece
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def evaluate(self, expression):
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def wait(self, expression):
        for _ in range(200):
            if self.evaluate(f"Boolean({expression})"):
                return
            time.sleep(0.1)
        raise AssertionError(f"never true: {expression}")

    def key(self, key, code, modifiers=0):
        for kind in ("rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, modifiers=modifiers,
                      windowsVirtualKeyCode=code)

    def end(self):
        self.process.kill()
        self.process.wait()


def requests(address):
    text = urllib.request.urlopen(address + "/metrics").read().decode()
    match = re.search(r'^waterline_requests_total{route="/v1/entities",status="200"} (\d+)', text, re.M)
    return int(match[1]) if match else 0


def check(browser, address):
    browser.call("Network.enable")
    browser.call("Runtime.enable")
    browser.call("Page.enable")
    browser.call("Emulation.setDeviceMetricsOverride", width=1100, height=1250, deviceScaleFactor=1,
                 mobile=False)
    browser.call("Page.navigate", url=address + "/")
    browser.wait("document.readyState === 'complete' && document.querySelector('#model option')")

    # Ctrl+Enter in the text.
    browser.evaluate("document.querySelector('#text').focus()")
    browser.key("Enter", 13, modifiers=2)
    browser.wait("document.querySelectorAll('mark').length > 0 && "
                 "document.querySelectorAll('#plan rect').length > 0")
    assert "entities are above 0.50" in browser.evaluate("document.querySelector('#status').textContent")
    browser.wait("document.querySelectorAll('#live rect').length > 0")

    # The slider, by its keys.
    asked = requests(address)
    marks = browser.evaluate("document.querySelectorAll('mark').length")
    browser.evaluate("document.querySelector('#threshold').focus()")
    browser.key("End", 35)
    browser.wait("document.querySelectorAll('mark').length === 0")
    browser.key("Home", 36)
    browser.wait(f"document.querySelectorAll('mark').length >= {marks}")
    text = "document.querySelector('#found').cloneNode(true)"
    rebuilt = browser.evaluate(f"(() => {{ const f = {text}; f.querySelectorAll('small').forEach((s) => s.remove());"
                               " return f.textContent === document.querySelector('#text').value; })()")
    assert rebuilt, "the marked text is not the text"
    assert requests(address) == asked, "the slider asked the server"

    # What a text holds is text.
    browser.evaluate("document.querySelector('#text').value = '<img src=x onerror=document.title=1> Ada'")
    browser.evaluate("document.querySelector('#go').click()")
    browser.wait("document.querySelector('#found').textContent.includes('onerror')")
    assert browser.evaluate("document.querySelectorAll('#found img').length") == 0

    # Names for a screen reader.
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    for node in nodes:
        role = node.get("role", {}).get("value")
        if role in CONTROLS and not node.get("ignored"):
            assert node.get("name", {}).get("value"), f"a {role} has no name"

    # Nothing from elsewhere, no errors.
    for event in browser.events:
        if event.get("method") == "Network.requestWillBeSent":
            url = event["params"]["request"]["url"]
            assert url.startswith((address, "about:", "data:")), url
        assert event.get("method") != "Runtime.exceptionThrown", event
    return True


def check_phone(browser):
    browser.call("Emulation.setDeviceMetricsOverride", width=360, height=740, deviceScaleFactor=2,
                 mobile=True)
    assert browser.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "too wide"
    browser.call("Emulation.setDeviceMetricsOverride", width=1100, height=1250, deviceScaleFactor=1,
                 mobile=False)


def take_screenshot(browser, address, path):
    browser.call("Page.navigate", url=address + "/?")
    browser.wait("document.readyState === 'complete' && document.querySelector('#model option')")
    browser.evaluate("document.querySelector('#go').click()")
    browser.wait("document.querySelectorAll('mark').length > 0")
    time.sleep(2)
    data = browser.call("Page.captureScreenshot", format="png")["data"]
    pathlib.Path(path).write_bytes(base64.b64decode(data))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--screenshot")
    arguments = parser.parse_args()
    chromium = shutil.which("chromium")
    if chromium is None:
        print("needs chromium")
        return SKIPPED
    server = subprocess.Popen(
        [arguments.program, "serve", "--port", "0", "--log", "-", "--memory-budget", "256MiB"],
        stderr=subprocess.PIPE, text=True)
    browser = None
    try:
        address = re.search(r"http://\S+", server.stderr.readline())[0]
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
            browser = Browser(chromium, profile)
            check(browser, address)
            check_phone(browser)
            if arguments.screenshot:
                take_screenshot(browser, address, arguments.screenshot)
            browser.end()
    finally:
        if browser is not None:
            browser.end()
        server.terminate()
        server.wait(timeout=60)
    print("the playground works")
    return 0


if __name__ == "__main__":
    sys.exit(main())
