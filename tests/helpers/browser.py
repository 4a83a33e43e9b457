"""A headless Chromium that pages are opened and used in, over the pipe of its DevTools protocol."""

import base64
import contextlib
import io
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

NAMES = ("chromium", "chromium-browser", "google-chrome") if os.name == "posix" else ()

PROGRAM = next(filter(None, map(shutil.which, NAMES)), None)
"""Where one is installed."""

PATIENCE = 60
"""Seconds to wait for the browser, on a busy machine."""

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--remote-debugging-pipe"),
    "--enable-unsafe-swiftshader",  # WebGL without a graphics card
)


class Browser:
    """One page of a browser."""

    def __init__(self, reader: io.FileIO, writer: io.FileIO) -> None:
        self.reader, self.writer = reader, writer
        self.rest, self.count = b"", 0
        self.session = ""
        self.errors: list[str] = []
        """Exceptions of scripts, and what the console says of errors."""
        self.requests: list[str] = []
        """Addresses that were asked for."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def message(self) -> dict[str, Any]:
        """The next message of the browser."""
        while b"\0" not in self.rest:
            there, _, _ = select.select([self.reader], [], [], PATIENCE)
            part = self.reader.read(2**16) if there else b""
            if not part:
                raise RuntimeError("the browser has ended" if there else "the browser does not answer")
            self.rest += part
        data, self.rest = self.rest.split(b"\0", 1)
        message = json.loads(data)
        if message.get("method") == "Runtime.exceptionThrown":
            self.errors.append(str(message["params"]["exceptionDetails"]))
        if message.get("method") == "Log.entryAdded" and message["params"]["entry"]["level"] == "error":
            self.errors.append(message["params"]["entry"]["text"])
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(message["params"]["request"]["url"][:100])
        return message

    def call(self, method: str, **params: object) -> dict[str, Any]:
        """Have the browser do something; raises RuntimeError where it cannot."""
        self.count += 1
        asked: dict[str, object] = {"id": self.count, "method": method, "params": params}
        if self.session:
            asked["sessionId"] = self.session
        self.writer.write(json.dumps(asked).encode() + b"\0")
        while (message := self.message()).get("id") != self.count:
            pass
        if "error" in message:
            raise RuntimeError(f"{method}: {message['error']}")
        return message["result"]

    def open(self, page: Path, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """Open a page in a window of some size."""
        phone = width < 600
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Page.navigate", url=page.resolve().as_uri())
        self.run(
            "new Promise((done) => document.readyState === 'complete' ? done() : addEventListener('load', done))"
            ".then(() => 0)"
        )
        # pictures are decoded, and what follows from their size is done
        self.run(
            "Promise.all([...document.images].filter((image) => image.src).map((image) => image.decode()))"
            ".then(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(0)))))"
        )

    def run(self, script: str) -> Any:
        """The value of an expression, awaited."""
        made = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in made:
            raise RuntimeError(made["exceptionDetails"])
        return made["result"].get("value")

    def press(self, key: str, code: int = 0) -> None:
        """Press a key; arrows and others without a character need their `code`."""
        text = key if len(key) == 1 else ""
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, text=text, windowsVirtualKeyCode=code)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    def stage(self) -> tuple[float, float, float, float]:
        """Left, top, width and height of the stage of a page of pictures."""
        left, top, width, height = self.run(
            "(({left, top, width, height}) => [left, top, width, height])"
            "(document.querySelector('.stage').getBoundingClientRect())"
        )
        return left, top, width, height

    def drag(self, *shares: float) -> None:
        """Drag with the mouse across the stage, from share to share of its width."""
        left, top, width, height = self.stage()
        mouse = {"button": "left", "buttons": 1, "clickCount": 1, "y": top + height / 2}
        kinds = ("mousePressed", *["mouseMoved"] * (len(shares) - 1), "mouseReleased")
        for kind, share in zip(kinds, (*shares, shares[-1]), strict=True):
            self.call("Input.dispatchMouseEvent", type=kind, x=left + share * width, **mouse)

    def picture(self, inside: str | None = None) -> Image.Image:
        """All of the page as it looks, or what an element shows, without its edges."""
        clip = {}
        if inside is not None:
            script = (
                f"(() => {{ const {{x, y, width, height}} = document.querySelector('{inside}').getBoundingClientRect();"
            )
            place = self.run(
                script + "return {x: x + scrollX + 8, y: y + scrollY + 8, width: width - 16, height: height - 16}; })()"
            )
            clip = {"clip": {**place, "scale": 1}}
        shot = self.call("Page.captureScreenshot", captureBeyondViewport=True, **clip)
        return Image.open(io.BytesIO(base64.b64decode(shot["data"]))).convert("RGB")


AS_3_AND_4 = """
import os, sys
for number, wanted in ((int(sys.argv[1]), 3), (int(sys.argv[2]), 4)):
    os.dup2(number, wanted)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""A program that runs another, which reads from descriptor 3 and writes to 4, as the browser does."""


def far(descriptor: int) -> int:
    """The same pipe under a number that is neither 3 nor 4."""
    import fcntl  # there is none on Windows

    number = fcntl.fcntl(descriptor, fcntl.F_DUPFD, 10)
    os.close(descriptor)
    return number


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """A browser with a profile of its own, ended with the block."""
    assert PROGRAM is not None
    (from_it, its_output), (its_input, to_it) = os.pipe(), os.pipe()
    ends = far(its_input), far(its_output)
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        os.fdopen(from_it, "rb", 0) as reader,
        os.fdopen(to_it, "wb", 0) as writer,
    ):
        command = [sys.executable, "-c", AS_3_AND_4, *map(str, ends), PROGRAM, *FLAGS, f"--user-data-dir={profile}"]
        process = subprocess.Popen(command, pass_fds=ends, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for end in ends:
            os.close(end)
        try:
            yield Browser(reader, writer)
        finally:
            process.terminate()
            process.wait(20)
