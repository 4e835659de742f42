"""Pages in a browser that draws frames and is asked through its pipe: sizes, touches, what scripts answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.rendering.browser import BROWSER

AVAILABLE = BROWSER is not None and sys.platform != "win32"
"""Whether there is a browser, and a system whose processes inherit pipes by their numbers."""

_OPTIONS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--remote-debugging-pipe",
)  # fmt: skip


class Browser:
    """A browser and one page of it; messages of its protocol go through two pipes, each ended by a zero byte."""

    def __init__(self, send: int, receive: int) -> None:
        self._send, self._receive = send, receive
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
        while True:
            answer = self._next()
            if answer.get("id") == self._count:
                assert "error" not in answer, answer["error"]
                return answer["result"]

    def _next(self) -> Any:
        while b"\0" not in self._rest:
            read = os.read(self._receive, 1 << 16)
            assert read, "the browser has ended"
            self._rest += read
        text, _, self._rest = self._rest.partition(b"\0")
        return json.loads(text)

    def open(self, page: str, folder: Path, size: tuple[int, int] = (1400, 800), dark: bool = False) -> None:
        """Show the text of a page in a window of this size."""
        path = folder / "page.html"
        path.write_text(f'<meta charset="utf-8">{page}', encoding="utf-8")
        wide, high = size
        self.ask("Emulation.setDeviceMetricsOverride", width=wide, height=high, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])
        self.ask("Page.navigate", url=path.as_uri())
        self.tell("new Promise((done) => document.readyState === 'complete' ? done() : addEventListener('load', done))")
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


@contextmanager
def browser(folder: Path) -> Iterator[Browser]:
    """A browser that ends with the block."""
    to_read, send = os.pipe()
    receive, to_write = os.pipe()
    options = " ".join(_OPTIONS)
    command = f'exec "{BROWSER}" {options} --user-data-dir="{folder / "profile"}" 3<&{to_read} 4>&{to_write}'
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(["bash", "-c", command], pass_fds=(to_read, to_write), stdout=quiet, stderr=quiet)
    os.close(to_read)
    os.close(to_write)
    try:
        yield Browser(send, receive)
    finally:
        process.terminate()
        process.wait(20)
        os.close(send)
        os.close(receive)
