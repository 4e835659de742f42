"""Six networks of PyTorch as flowgraph, torchview, Netron and Model Explorer draw them, side by side in one picture.

Ours are `fg.render(net, x, "net.svg", inches=3.3)`, for a column of a paper. The others draw as they do by themselves:
`torchview.draw_graph` with the program dot (or FLOWGRAPH_DOT), Netron's page of the ONNX model that `torch.onnx.export`
writes, and Model Explorer's of the program that `torch.export` gives, whose layers are closed at first and opened here.
All are shrunk to the same cell.

    python -m benchmarks contact_sheet [--to docs/pictures/contact-sheet.png]
"""

from __future__ import annotations

import argparse
import base64
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import flowgraph as fg
from benchmarks.rendering import _when
from flowgraph.rendering import engines
from tools.chromium import AVAILABLE, MISSING, Page, chromium

CELL = (620, 330)
"""Pixels of a picture in the sheet."""


def nets() -> dict[str, tuple[Any, Any]]:
    """The networks, each with an example."""
    import torch
    from torch import nn

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8)
            self.conv2, self.bn2, self.relu = nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU()

        def forward(self, x: Any) -> Any:
            return self.relu(x + self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x))))))

    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell, self.head = nn.LSTMCell(8, 16), nn.Linear(16, 3)

        def forward(self, x: Any) -> Any:
            h = c = torch.zeros(x.shape[0], 16)
            for t in range(5):
                h, c = self.cell(x[:, t], (h, c))
            return self.head(h)

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.q, self.k, self.v, self.out = (nn.Linear(16, 16) for _ in range(4))
            self.norm = nn.LayerNorm(16)

        def forward(self, x: Any) -> Any:
            shares = torch.softmax(self.q(x) @ self.k(x).transpose(1, 2) / 4.0, dim=-1)
            return self.norm(x + self.out(shares @ self.v(x)))

    class UNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down, self.pool, self.middle = (
                nn.Conv2d(1, 4, 3, padding=1),
                nn.MaxPool2d(2),
                nn.Conv2d(4, 4, 3, padding=1),
            )
            self.up, self.last = nn.Upsample(scale_factor=2), nn.Conv2d(8, 1, 3, padding=1)

        def forward(self, x: Any) -> Any:
            kept = torch.relu(self.down(x))
            return self.last(torch.cat([kept, self.up(torch.relu(self.middle(self.pool(kept))))], dim=1))

    perceptron = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 3))
    lenet = nn.Sequential(nn.Conv2d(1, 4, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(576, 10))
    return {
        "a perceptron": (perceptron, torch.zeros(2, 8)),
        "a convolutional network": (lenet, torch.zeros(2, 1, 28, 28)),
        "a residual block": (Residual().eval(), torch.zeros(2, 8, 8, 8)),
        "an LSTM of 5 steps": (Recurrent(), torch.zeros(2, 5, 8)),
        "attention": (Attention(), torch.zeros(2, 6, 16)),
        "a U-Net": (UNet(), torch.zeros(2, 1, 8, 8)),
    }


def by_flowgraph(page: Page, net: Any, x: Any, folder: Path) -> str:
    """The SVG of fg.render, as an address of data."""
    drawn = fg.render(net, x, folder / "net.svg", theme="light", inches=3.3)
    return _data(Path(drawn).read_bytes(), "svg+xml")


def by_torchview(page: Page, net: Any, x: Any, folder: Path) -> str:
    """The SVG that dot makes of torchview's graph."""
    from torchview import draw_graph

    program = engines.find()
    assert program is not None, "torchview needs the program dot"
    return _data(engines.draw(program, draw_graph(net, input_data=x).visual_graph.source, "svg", 60), "svg+xml")


def by_netron(page: Page, net: Any, x: Any, folder: Path) -> str:
    """What Netron's page shows of the ONNX model."""
    import netron
    import torch

    torch.onnx.export(net, (x,), str(folder / "net.onnx"), dynamo=True, verbose=False)
    host, port = netron.start(str(folder / "net.onnx"), ("localhost", 0), browse=False)
    page.visit(f"http://{host}:{port}", (1280, 760))
    accept = "[...document.querySelectorAll('button')].find((one) => one.textContent.trim() === 'Accept')"
    page.tell(_when(f"{accept} || document.querySelector('#target .edge-path')"))
    page.tell(f"{accept} && {accept}.click()")
    page.tell(_when("document.querySelector('#target .edge-path')"))
    page.frames(30)
    page.screenshot(folder / "netron.png")
    netron.stop((host, port))
    return _data((folder / "netron.png").read_bytes(), "png")


def by_model_explorer(page: Page, net: Any, x: Any, folder: Path) -> str:
    """What Model Explorer's page shows of the exported program, its layers opened."""
    import model_explorer
    import torch
    from model_explorer.config import ModelExplorerConfig

    shown = ModelExplorerConfig()
    shown.add_model_from_pytorch("net", torch.export.export(net.eval(), (x,)))
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    server = {"config": shown, "port": port, "no_open_in_browser": True}
    threading.Thread(target=model_explorer.visualize_from_config, kwargs=server, daemon=True).start()
    while not _listens(port):
        time.sleep(0.1)
    page.visit(f"http://localhost:{port}/?data={shown.to_url_param_value()}", (1280, 760))
    for button in ("hide-toggle", "expand-all", "zoom-fit"):
        page.tell(_when(f"document.querySelector('.{button}')"))
        page.frames(60)
        page.tell(f"document.querySelector('.{button}').click()")
    page.tell("document.querySelector('.cdk-overlay-container')?.remove()")  # what the buttons say
    page.frames(60)
    page.screenshot(folder / "explorer.png")
    return _data((folder / "explorer.png").read_bytes(), "png")


def _listens(port: int) -> bool:
    with socket.socket() as one:
        return not one.connect_ex(("localhost", port))


TOOLS: dict[str, Callable[[Page, Any, Any, Path], str]] = {
    "flowgraph": by_flowgraph, "torchview": by_torchview, "Netron": by_netron,
    "Model Explorer": by_model_explorer,
}  # fmt: skip


def _data(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def main() -> None:
    """Write the sheet."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks contact_sheet")
    parser.add_argument("--to", type=Path, default=Path("docs/pictures/contact-sheet.png"))
    arguments = parser.parse_args([one for one in sys.argv[1:] if one != "contact_sheet"])
    if not AVAILABLE:
        raise SystemExit(MISSING)
    wide, high = CELL
    with chromium() as page, tempfile.TemporaryDirectory() as folder:
        rows = ["".join(f"<th>{name}</th>" for name in TOOLS)]
        for name, (net, x) in nets().items():
            drawn = [draw(page, net, x, Path(folder)) for draw in TOOLS.values()]
            cells = "".join(f'<td><img src="{picture}"></td>' for picture in drawn)
            rows.append(f'</tr><tr><td colspan="{len(TOOLS)}">{escape(name)}</td></tr><tr>{cells}')
            print(name, flush=True)
        style = (
            f"body{{margin:12px;font:15px sans-serif;background:white}}th{{text-align:left}}"
            f"img{{width:{wide}px;height:{high}px;object-fit:contain;border:1px solid #ddd}}"
        )
        size = (len(TOOLS) * (wide + 12) + 30, (len(rows) - 1) * (high + 40) + 60)
        page.show(f"<style>{style}</style><table><tr>{''.join(rows)}</tr></table>", size)
        page.screenshot(arguments.to)
    print(f"wrote {arguments.to}")


if __name__ == "__main__":
    main()
