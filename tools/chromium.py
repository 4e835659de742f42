"""Pages in headless Chromium, asked through its pipe: sizes, touches, what scripts answer, screenshots.

Tests and benchmarks share it. Nothing is installed besides the browser, and no page of it reaches a network.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAM = shutil.which("chromium") or shutil.which("google-chrome")

AVAILABLE = PROGRAM is not None and sys.platform != "win32"
"""Whether there is a browser, and a system whose processes inherit pipes by their numbers."""

MISSING = "found no Chromium on this machine"

PATIENCE = 120.0
"""Seconds after which a page that does not answer is given up."""

_OPTIONS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost", "--remote-debugging-pipe",
)  # fmt: skip

_LOADED = "document.readyState === 'complete'"


class Page:
    """A browser with one page; messages of its protocol go through two pipes, each ended by a zero byte."""

    def __init__(self, send: int, receive: int, folder: Path) -> None:
        self._send, self._receive = send, receive
        self._folder = folder
        self._rest = b""
        self._count = 0
        self._session = ""
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def ask(self, method: str, **params: Any) -> Any:
        """Send a command and wait for its answer."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": params}
        message |= {"sessionId": self._session} if self._session else {}
        os.write(self._send, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + PATIENCE
        while True:
            answer = self._next(end)
            if answer.get("id") == self._count:
                assert "error" not in answer, answer["error"]
                return answer["result"]

    def _next(self, end: float) -> Any:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._receive], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"the browser has not answered for {PATIENCE:.0f} s"
            read = os.read(self._receive, 1 << 20)
            assert read, "the browser has ended"
            self._rest += read
        text, _, self._rest = self._rest.partition(b"\0")
        return json.loads(text)

    def show(self, text: str, size: tuple[int, int] = (1400, 800), address: str = "", **look: bool) -> None:
        """Show a page that is given as text in a window of this size; `address` is what follows its name."""
        path = self._folder / "page.html"
        path.write_text(text, encoding="utf-8")
        self.visit(path.as_uri() + address, size, **look)

    def visit(self, url: str, size: tuple[int, int] = (1400, 800), *, dark: bool = False, calm: bool = False) -> None:
        """Load an address, also one that differs from the last in its hash alone, and wait until it is drawn.

        `calm` is the wish of a reader for less motion.
        """
        wide, high = size
        self.ask("Emulation.setDeviceMetricsOverride", width=wide, height=high, deviceScaleFactor=1, mobile=False)
        features = [
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if calm else "no-preference"},
        ]
        self.ask("Emulation.setEmulatedMedia", features=features)
        for there in ("about:blank", url):
            found = self.ask("Page.navigate", url=there)
            assert not found.get("errorText"), f"{there}: {found['errorText']}"
        self.tell(f"new Promise((done) => {_LOADED} ? done() : addEventListener('load', done))")
        self.frames(2)

    def tell(self, expression: str) -> Any:
        """What an expression of JavaScript gives, or what it promises."""
        answer = self.ask("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def frames(self, count: int) -> None:
        """Wait until so many frames are drawn."""
        self.tell(
            f"new Promise((done) => {{ let left = {count};"
            f" const next = () => left-- > 0 ? requestAnimationFrame(next) : done(); next(); }})"
        )

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        """Write what the window shows as PNG, or the whole page that it scrolls over."""
        found = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(found["data"]))


@contextmanager
def chromium() -> Iterator[Page]:
    """A browser that ends with the block, with a folder of its own that goes with it."""
    to_read, send = os.pipe()
    receive, to_write = os.pipe()
    quiet = subprocess.DEVNULL
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        options = " ".join(map(shlex.quote, _OPTIONS))
        command = f'exec "{PROGRAM}" {options} --user-data-dir="{folder}/profile" 3<&{to_read} 4>&{to_write}'
        process = subprocess.Popen(["bash", "-c", command], pass_fds=(to_read, to_write), stdout=quiet, stderr=quiet)
        os.close(to_read)
        os.close(to_write)
        try:
            yield Page(send, receive, Path(folder))
        finally:
            process.terminate()
            process.wait(20)
            os.close(send)
            os.close(receive)
