"""Time from a graph to its SVG, size and shape of the picture, against torchviz, torchview, Netron and Graphviz.

The same networks for everybody: an MLP of 10, 100, 1,000 and 10,000 layers (W h + b, tanh; a mean as its loss), and an
RNN of 200 steps with shared weights and a summed loss. Each drawing runs in a process of its own, is timed from the
graph that stands to the SVG text, and is ended when its time is up. Graphviz alone gets one node per box and one edge
per child. flowgraph draws every box; with scopes it draws the layers as it would by default.

    python -m benchmarks rendering [--timeout 60] [--quick]
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tools.chromium import Page, chromium

WIDTH = 8
CASES = {
    **{f"MLP of {layers:,} layers": ("mlp", layers) for layers in (10, 100, 1000, 10_000)},
    "RNN of 200 steps": ("rnn", 200),
}
GOALS = {"1,002 boxes": (200, 1.0), "20,002 boxes": (4000, 5.0)}
"""Layers of an MLP whose every box flowgraph draws, and the seconds that it may take."""

_SIZE = re.compile(r'viewBox="\S+ \S+ (\S+) (\S+)"')


def flowgraph_mlp(layers: int, scoped: bool) -> Any:
    """Layers in scopes, or in one long row of boxes."""
    import numpy as np

    import flowgraph as fg

    h: Any = fg.Input("x", shape=("N", WIDTH))
    for k in range(1, layers + 1):
        with fg.scope(f"layer{k}") if scoped else contextlib.nullcontext():
            W = fg.Parameter(np.eye(WIDTH), name="W" if scoped else f"W{k}")
            b = fg.Parameter(np.zeros(WIDTH), name="b" if scoped else f"b{k}")
            h = np.tanh(h @ W + b)
    return fg.Graph(fg.mean(h))


def flowgraph_rnn(steps: int) -> Any:
    """Shared weights, one loss per step, their sum."""
    import numpy as np

    import flowgraph as fg

    x = fg.Input("x", shape=("N", steps, WIDTH))
    W, U = (fg.Parameter(np.eye(WIDTH), name=name) for name in "WU")
    h: Any = fg.Constant(np.zeros((1, WIDTH)))
    loss: Any = 0.0
    for t in range(steps):
        h = np.tanh(h @ W + x[:, t] @ U)
        loss = loss + fg.mean(h * h)
    return fg.Graph(loss)


def by_flowgraph(kind: str, size: int, scoped: bool = False) -> Callable[[], str]:
    """`to_svg` as it is."""
    graph = flowgraph_mlp(size, scoped) if kind == "mlp" else flowgraph_rnn(size)
    return lambda: graph.to_svg() if scoped else graph.to_svg(collapse=False)


def by_flowgraph_scopes(kind: str, size: int) -> Callable[[], str]:
    """The same with a scope for each layer."""
    return by_flowgraph(kind, size, scoped=True)


def by_graphviz(kind: str, size: int) -> Callable[[], str]:
    """The boxes and links of the same graph, written plainly and given to dot."""
    import graphviz

    graph = flowgraph_mlp(size, False) if kind == "mlp" else flowgraph_rnn(size)

    def draw() -> str:
        dot = graphviz.Digraph(graph_attr={"rankdir": "LR"}, node_attr={"shape": "box"})
        for box in graph.boxes:
            dot.node(graph.names[box], f"{graph.names[box]}\n{'×'.join(map(str, box.shape))}")
            for child in box.children:
                dot.edge(graph.names[child], graph.names[box])
        return str(dot.pipe("svg", encoding="utf-8"))

    return draw


def torch_model(kind: str, size: int) -> Any:
    """The same network as a module, and an input for it."""
    import torch

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            count = 2 * size if kind == "mlp" else 2
            self.weights = torch.nn.ParameterList(
                [torch.eye(WIDTH) if kind == "rnn" or i % 2 == 0 else torch.zeros(WIDTH) for i in range(count)]
            )

        def forward(self, x: Any) -> Any:
            if kind == "mlp":
                h = x
                for k in range(size):
                    h = torch.tanh(h @ self.weights[2 * k] + self.weights[2 * k + 1])
                return h.mean()
            h, loss = torch.zeros(1, WIDTH), torch.zeros(())
            for t in range(size):
                h = torch.tanh(h @ self.weights[0] + x[:, t] @ self.weights[1])
                loss = loss + (h * h).mean()
            return loss

    return Net(), torch.ones((4, WIDTH) if kind == "mlp" else (4, size, WIDTH))


def by_torchviz(kind: str, size: int) -> Callable[[], str]:
    """make_dot of the loss, with the names of the parameters."""
    from torchviz import make_dot

    net, x = torch_model(kind, size)
    loss = net(x)
    return lambda: str(make_dot(loss, params=dict(net.named_parameters())).pipe("svg", encoding="utf-8"))


def by_torchview(kind: str, size: int) -> Callable[[], str]:
    """draw_graph, which traces the module as well."""
    from torchview import draw_graph

    net, x = torch_model(kind, size)
    return lambda: str(draw_graph(net, input_data=x).visual_graph.pipe("svg", encoding="utf-8"))


def by_netron(kind: str, size: int) -> Callable[[], str]:
    """Its page in headless Chromium, opened on the same graph as ONNX: until every box is shown.

    It asks once whether it may report its use; what it would report to is not reached.
    """
    import netron

    import flowgraph as fg

    graph = flowgraph_mlp(size, False) if kind == "mlp" else flowgraph_rnn(size)
    path = fg.save(Path(tempfile.mkdtemp()) / "net.onnx", graph)
    host, port = netron.start(str(path), ("localhost", 0), browse=False)
    page = _browser()
    page.visit(f"http://{host}:{port}", (1280, 800))
    page.tell(_when("[...document.querySelectorAll('button')].find((one) => one.textContent.trim() === 'Accept')"))
    page.tell("[...document.querySelectorAll('button')].find((one) => one.textContent.trim() === 'Accept').click()")
    page.tell(_when("document.querySelector('#target .node')"))

    def draw() -> str:
        page.visit(f"http://{host}:{port}", (1280, 800))
        page.tell(_when("document.querySelector('#target .edge-path')"))
        drawn = page.tell("document.querySelector('#target').innerHTML")
        return f"<svg>{drawn}</svg>"

    return draw


def _browser() -> Page:
    """A browser that ends with this process."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(chromium())


def _when(condition: str) -> str:
    """A promise that is kept in the frame in which something is there."""
    wait = f"const look = () => ({condition}) ? done() : requestAnimationFrame(look)"
    return f"new Promise((done) => {{ {wait}; look(); }})"


CLOCKED = ("Netron",)
"""Tools that compute in a browser, whose time of the processor is not known here; that of the clock stands for it."""

TOOLS: dict[str, Callable[[str, int], Callable[[], str]]] = {
    "flowgraph": by_flowgraph,
    "flowgraph, scopes": by_flowgraph_scopes,
    "Graphviz alone": by_graphviz,
    "torchviz": by_torchviz,
    "torchview": by_torchview,
    "Netron": by_netron,
}


def cpu() -> float:
    """Seconds that this process and the programs it called have worked; on a busy machine these say more."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def one(tool: str, kind: str, size: int) -> None:
    """Draw once and print what it took; this is what each process runs."""
    draw = TOOLS[tool](kind, size)
    print("ready", flush=True)
    start, before = time.perf_counter(), cpu()
    svg = draw()
    seconds, worked = time.perf_counter() - start, cpu() - before
    found = None if tool in CLOCKED else _SIZE.search(svg)  # a page is as large as its window
    width, height = (float(part) for part in found.groups()) if found else (0.0, 0.0)
    worked = seconds if tool in CLOCKED else worked
    print(json.dumps({"seconds": seconds, "cpu": worked, "bytes": len(svg.encode()), "width": width, "height": height}))


def measure(tool: str, kind: str, size: int, timeout: float) -> dict[str, Any]:
    """One drawing in its own process; its numbers, or in a few words why there are none."""
    command = [sys.executable, "-m", "benchmarks.rendering", "--one", tool, kind, str(size)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        out, errors = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return {"failed": f"no picture in {timeout:g} s"}
    if process.returncode or not out.endswith("}\n"):
        said = [line for line in errors.strip().splitlines() if line.strip()]
        return {"failed": said[-1][:60] if said else f"ended with code {process.returncode}"}
    return dict(json.loads(out.splitlines()[-1]))


def row(tool: str, found: dict[str, Any]) -> str:
    """A line of the table."""
    if "failed" in found:
        return f"  {tool:<20}{found['failed']}"
    long, short = sorted((found["width"], found["height"]), reverse=True)
    aspect = long / short if short else float("inf")
    return (
        f"  {tool:<20}{found['seconds']:8.2f} s {found['cpu']:8.2f} s {found['bytes'] / 1e6:8.2f} MB    1:{aspect:.1f}"
    )


def main() -> None:
    """Print the table, case by case, and the same as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks rendering")
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds for each drawing")
    parser.add_argument("--quick", action="store_true", help="no MLP of 10,000 layers")
    arguments = parser.parse_args([one for one in sys.argv[1:] if one != "rendering"])
    results: dict[str, Any] = {}
    print(f"  {'':<20}{'time':>10} {'CPU':>10} {'SVG':>11}    aspect")
    for case, (kind, size) in CASES.items():
        if arguments.quick and size >= 10_000:
            continue
        print(case, flush=True)
        for tool in TOOLS:
            if tool == "flowgraph, scopes" and kind != "mlp":
                continue
            found = measure(tool, kind, size, arguments.timeout)
            results.setdefault(case, {})[tool] = found
            print(row(tool, found), flush=True)
    for case, (layers, seconds) in GOALS.items():
        found = measure("flowgraph", "mlp", layers, arguments.timeout)
        results[case] = {"flowgraph": found}
        print(f"{case}, goal {seconds:g} s\n{row('flowgraph', found)}", flush=True)
    print(json.dumps(results))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        sys.setrecursionlimit(1_000_000)  # torchviz walks by recursion
        threading.stack_size(512 << 20)
        worker = threading.Thread(target=one, args=(sys.argv[2], sys.argv[3], int(sys.argv[4])))
        worker.start()
        worker.join()
    else:
        main()
