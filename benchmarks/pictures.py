"""Networks of torchvision, timm and transformers, with random weights, as pictures that have to fit and to be true.

    python -m benchmarks pictures [--only resnet18,bert] [--to FOLDER]      needs torchvision, timm and transformers
    python -m benchmarks pictures --random 2000 [--seed 0] [--to FOLDER]

Each network is drawn as it is by default, for a column of a paper (`inches=(3.3, 9.5)`) and for a slide
(`slide="16:9"`). Chromium says what is painted: the size of the whole, the smallest letters, and what is untrue. A row
says the boxes of the graph, the seconds of the processor for the graph and for its three pictures, how many times as
wide as high the default picture is and how many pixels its smallest letters have on the slide, and for column and
slide the letters, or the error that says what does not fit.

`--random` draws so many random graphs in place of networks, of 5 to 300 boxes, in all views, directions and closings,
and counts the pictures of which Chromium paints something untrue, with what it is: a claim of `tools.picture_claims`.
"""

from __future__ import annotations

import argparse
import gc
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import flowgraph as fg
from flowgraph.errors import FlowgraphError
from flowgraph.rendering.entry import graph_to_draw
from flowgraph.rendering.files import picture_of, svg_of
from flowgraph.rendering.fitting import LEAST_PIXELS, MOST_RATIO, SLIDES
from flowgraph.rendering.tikz import POINTS
from tools.chromium import AVAILABLE, MISSING, Page, chromium
from tools.picture_claims import of_svg, painted_size, untrue

COLUMN = (3.3, 9.5)
"""Inches of a column of a paper."""

PIXELS_PER_POINT = 96 / 72

VISION = (
    "alexnet", "vgg11_bn", "resnet18", "resnet50", "resnext50_32x4d", "densenet121", "squeezenet1_0", "googlenet",
    "inception_v3", "mobilenet_v2", "mobilenet_v3_small", "mnasnet0_5", "shufflenet_v2_x0_5", "efficientnet_b0",
    "regnet_y_400mf", "convnext_tiny", "vit_b_16", "swin_t",
)  # fmt: skip
SEGMENTATION = ("fcn_resnet50", "deeplabv3_mobilenet_v3_large")
OF_TIMM = (
    "resnetv2_50", "mixer_s32_224", "gmixer_12_224", "convmixer_768_32", "levit_128s", "poolformer_s12",
    "ghostnet_100", "repvgg_a0", "pit_ti_224", "visformer_tiny",
)  # fmt: skip
SIZES = {"tiny": {"layers": 2, "width": 32, "heads": 2}, "full": {"layers": 12, "width": 768, "heads": 12}}
OF_TRANSFORMERS = ("bert", "gpt2", "distilbert", "t5", "vit")


def networks() -> Iterator[tuple[str, Callable[[], tuple[Any, tuple[Any, ...]]]]]:
    """The names, and what makes the network and an example of its inputs: 40 of them."""
    for name in VISION:
        yield name, lambda name=name: _of_torchvision(name)  # type: ignore[misc]
    for name in SEGMENTATION:
        yield name, lambda name=name: _of_torchvision(name, segmentation=True)  # type: ignore[misc]
    for name in OF_TIMM:
        yield name, lambda name=name: _of_timm(name)  # type: ignore[misc]
    for name in OF_TRANSFORMERS:
        for size in SIZES:
            yield f"{name}-{size}", lambda name=name, size=size: _of_transformers(name, **SIZES[size])  # type: ignore[misc]


def _image(side: int = 224) -> tuple[Any, ...]:
    import torch

    return (torch.zeros(1, 3, side, side),)


def _of_torchvision(name: str, segmentation: bool = False) -> tuple[Any, tuple[Any, ...]]:
    import torchvision.models as models

    if segmentation:
        return getattr(models.segmentation, name)(weights=None, weights_backbone=None).eval(), _image(64)
    options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    return getattr(models, name)(weights=None, **options).eval(), _image(299 if name == "inception_v3" else 224)


def _of_timm(name: str) -> tuple[Any, tuple[Any, ...]]:
    import timm

    return timm.create_model(name, pretrained=False).eval(), _image()


def _of_transformers(name: str, layers: int, width: int, heads: int) -> tuple[Any, tuple[Any, ...]]:
    import torch
    import transformers as hub

    words = torch.zeros(1, 8, dtype=torch.long)
    if name == "bert":
        config = hub.BertConfig(
            hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads, intermediate_size=4 * width
        )
        return _giving_first_output(hub.BertModel(config).eval()), (words,)
    if name == "gpt2":
        return _giving_first_output(hub.GPT2Model(hub.GPT2Config(n_embd=width, n_layer=layers, n_head=heads)).eval()), (
            words,
        )
    if name == "distilbert":
        sizes = hub.DistilBertConfig(dim=width, n_layers=layers, n_heads=heads, hidden_dim=4 * width)
        return _giving_first_output(hub.DistilBertModel(sizes).eval()), (words,)
    if name == "t5":
        shape = hub.T5Config(d_model=width, num_layers=layers, num_heads=heads, d_ff=4 * width, d_kv=width // heads)
        return _giving_first_output(hub.T5EncoderModel(shape).eval()), (words,)
    seen = hub.ViTConfig(
        hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads, intermediate_size=4 * width
    )
    return _giving_first_output(hub.ViTModel(seen).eval()), _image()


def _giving_first_output(model: Any) -> Any:
    from torch import nn

    class FirstOutput(nn.Module):
        """A model of transformers, whose outputs are a dict, giving the first."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, x: Any) -> Any:
            return self.model(x, return_dict=False)[0]

    return FirstOutput()


class Painted(NamedTuple):
    """What Chromium says of a picture, or the error in place of one."""

    width: float = 0
    height: float = 0
    letters: float = 0
    untrue: int = 0
    error: str = ""


def paint(page: Page, graph: Any, net: Any, path: Path, **asked: Any) -> Painted:
    """Draw, and ask the browser."""
    try:
        graph.render(path, titles=net, **asked)
    except FlowgraphError as error:
        return Painted(error=str(error).partition("\n")[0])
    claims = untrue(of_svg(page, path.read_text(encoding="utf-8")))
    return Painted(*painted_size(page), len(claims))


def row_of(page: Page, name: str, make: Callable[[], tuple[Any, tuple[Any, ...]]], folder: Path) -> tuple[str, bool]:
    """The row of a network, and whether all that is promised of its pictures holds."""
    net, inputs = make()
    start = time.process_time()
    graph = graph_to_draw(net, list(inputs))
    traced = time.process_time() - start
    start = time.process_time()
    whole = paint(page, graph, net, folder / f"{name}.svg")
    column = paint(page, graph, net, folder / f"{name}-column.svg", inches=COLUMN)
    slide = paint(page, graph, net, folder / f"{name}-slide.svg", slide="16:9")
    drawn = time.process_time() - start
    across, up = SLIDES["16:9"]
    ratio = whole.width / max(whole.height, 1)
    letters = whole.letters * min(1, across / max(whole.width, 1), up / max(whole.height, 1))
    points = column.letters / PIXELS_PER_POINT
    wide = COLUMN[0] * 96 + 1, COLUMN[1] * 96 + 1
    fits = {
        "column": not column.error and column.width <= wide[0] and column.height <= wide[1] and points >= POINTS - 0.05,
        "slide": not slide.error
        and slide.width <= across + 1
        and slide.height <= up + 1
        and slide.letters >= LEAST_PIXELS - 0.05,
    }
    false = whole.untrue + column.untrue + slide.untrue
    unfit = f"{column.width:.0f}x{column.height:.0f} {points:.1f} pt"
    said = [
        f"{points:4.1f} pt" if fits["column"] else column.error or unfit,
        f"{slide.letters:4.1f} px" if fits["slide"] else slide.error or f"{slide.width:.0f}x{slide.height:.0f}",
    ]
    text = (
        f"{name:<30}{len(graph.boxes):>7,}{traced:>7.1f}{drawn:>7.1f}{ratio:>7.2f}{letters:>7.1f}{false:>8}   "
        f"{said[0]:<10}{said[1]}"
    )
    return text, all(fits.values()) and not false and ratio <= MOST_RATIO and letters >= LEAST_PIXELS - 0.05


def count_untrue(page: Page, count: int, seed: int, folder: Path) -> int:
    """Draw random graphs, print what is untrue in them, and return of how many pictures it is."""
    from tests.rendering.random_graphs import random_graph, settings_by_seed

    sizes = (5, 8, 12, 20, 30, 45, 60, 80, 110, 150, 220, 300)
    kinds: Counter[str] = Counter()
    edges = bad = 0
    for number in range(seed, seed + count):
        graph = random_graph(number, sizes[number // 7 % len(sizes)])
        svg = svg_of(picture_of(graph, **settings_by_seed(graph, number)), "light")
        drawing = of_svg(page, svg)
        edges += len(drawing.edges)
        claims = untrue(drawing)
        if claims:
            bad += 1
            kinds += Counter({kind for kind, _ in claims})
            print(f"seed {number}: {'; '.join(f'{kind}: {what}' for kind, what in claims[:3])}", flush=True)
            (folder / f"random-{number}.svg").write_text(svg, encoding="utf-8")
    told = ", ".join(f"{kind} {times}" for kind, times in kinds.most_common())
    print(f"{bad} of {count} pictures untrue in Chromium, {edges:,} edges{f': {told}' if told else ''}")
    return bad


def draw_networks(page: Page, chosen: Mapping[str, Callable[[], tuple[Any, tuple[Any, ...]]]], folder: Path) -> None:
    """Print the row of each network, and how many keep what is promised."""
    print(f"{'network':<30}{'boxes':>7}{'graph':>7}{'drawn':>7}{'w/h':>7}{'slide':>7}{'untrue':>8}   column    slide=")
    held = 0
    for name, make in chosen.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                text, right = row_of(page, name, make, folder)
            except fg.FlowgraphError as error:
                text, right = f"{name:<30} no graph: {str(error).splitlines()[0]}", False
        held += right
        print(f"{text}{'' if right else '   <'}", flush=True)
        gc.collect()
    print(f"{held} of {len(chosen)} fit, true in all three pictures")


def main() -> None:
    """Print the table of the networks, or what is untrue in random pictures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks pictures", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", help="names of networks, separated by commas")
    parser.add_argument("--random", type=int, metavar="N", help="draw N random graphs in place of networks")
    parser.add_argument("--seed", type=int, default=0, help="of the first of the random graphs")
    parser.add_argument("--to", type=Path, help="keep the pictures in this folder; of random graphs those untrue")
    given = parser.parse_args([one for one in sys.argv[1:] if one != "pictures"])
    chosen = dict(networks())
    if given.only:
        unknown = set(given.only.split(",")) - set(chosen)
        if unknown:
            raise SystemExit(f"pictures: no network {min(unknown)}; there are {', '.join(chosen)}")
        chosen = {name: chosen[name] for name in given.only.split(",")}
    if not AVAILABLE:
        raise SystemExit(MISSING)
    with chromium() as page, tempfile.TemporaryDirectory() as folder:
        place = given.to or Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        if not given.random:
            draw_networks(page, chosen, place)
        elif count_untrue(page, given.random, given.seed, place):
            raise SystemExit(1)


if __name__ == "__main__":
    main()
