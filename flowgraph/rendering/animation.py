"""A run step by step, fprop and bprop: a page, a picture that plays itself, a film, a PDF; no network."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.etree import ElementTree

from flowgraph.errors import RenderError
from flowgraph.rendering.compose import compose
from flowgraph.rendering.files import painting
from flowgraph.rendering.measure import text_width
from flowgraph.rendering.palette import THEMES, adaptive, check_theme, drawn_theme, html_page
from flowgraph.rendering.picture import Picture, Row, Span, Tile
from flowgraph.rendering.steps import Step, steps
from flowgraph.rendering.subject import Subject
from flowgraph.rendering.svg_text import draw_builtin
from flowgraph.saving.replacing import ShownFile, by_suffix, replace_file, replace_text

if TYPE_CHECKING:
    from flowgraph.graph import Graph
    from flowgraph.rendering.steps import Step

SECONDS = 1.6
"""For a step; the last one stays three times as long."""

_WIDE = 1920.0
"""Pixels of a screen; a film is twice as large as its SVG unless it were wider."""

_COLOURS = 128
"""Of a GIF, which has 256 at most: a picture has some thirty and the shades between them and the paper."""

_LINE, _SIZE = 19.0, 13  # pixels from line to line of text, and of its letters
_SVG = "http://www.w3.org/2000/svg"
ElementTree.register_namespace("", _SVG)


def playing_svg(picture: Picture, told: Sequence[Step], theme: str = "auto") -> str:
    """The picture with its steps; with reduced motion it shows the last one."""
    svg = _Player(picture, told, drawn_theme(theme)).play()
    return adaptive(svg) if theme == "auto" else svg


class _Rule(NamedTuple):
    """A class of elements: between some steps and others a property has one value, and another elsewhere."""

    name: str
    spans: list[tuple[int, int]]
    property: str
    outside: str
    inside: str


class _Player:
    """Marks what changes with the steps at which it does, and writes a style that shows it then."""

    def __init__(self, picture: Picture, told: Sequence[Step], theme: str) -> None:
        self.root = ElementTree.fromstring(draw_builtin(picture, theme))
        self.told = told
        self.colours = THEMES[theme]
        self.rules: dict[str, _Rule] = {}
        self.length = len(told) + 2

    def play(self) -> str:
        """The picture that plays itself."""
        self._mark()
        style = ElementTree.Element(f"{{{_SVG}}}style")
        style.text = (
            f".words{{opacity:0}}#words-{len(self.told) - 1}{{opacity:1}}"
            f"@media (prefers-reduced-motion:no-preference){{{''.join(map(self._play_rule, self.rules.values()))}}}"
        )
        self.root.insert(0, style)
        return ElementTree.tostring(self.root, encoding="unicode") + "\n"

    def stills(self) -> Iterator[str]:
        """The picture as it is shown at each step."""
        self._mark()
        changing = [
            (part, self.rules[name])
            for part in self.root.iter()
            for name in part.get("class", "").split()
            if name in self.rules
        ]
        for place in range(len(self.told)):
            for part, rule in changing:
                inside = any(since <= place < until for since, until in rule.spans)
                part.set(rule.property, rule.inside if inside else rule.outside)
            yield ElementTree.tostring(self.root, encoding="unicode")

    def _mark(self) -> None:
        groups = [part for part in self.root if part.tag.endswith("}g")]
        self._boxes([group for group in groups if group.get("id", "").startswith("box-")])
        self._links([group for group in groups if group.get("class") == "link"])
        self._words()

    def _boxes(self, groups: Iterable[ElementTree.Element]) -> None:
        for group in groups:
            id = group.get("id", "").removeprefix("box-")
            since = self._first(i for i, step in enumerate(self.told) if step.phase != "bprop" and id in step.tiles)
            if since:
                self._add(group, self._switch_class("opacity", 0.3, 1, since, self.length))
            for element in list(group):
                if element.tag.endswith("rect") and (now := [i for i, s in enumerate(self.told) if s.current == id]):
                    self._add(element, self._mark_class(now, element.get("stroke-width", "1")))
                    break
            self._rewritten(group, "value", [(i, s.values[id]) for i, s in enumerate(self.told) if id in s.values])
            self._rewritten(
                group, "gradient", [(i, s.gradients[id]) for i, s in enumerate(self.told) if id in s.gradients]
            )
            for row in (part for part in group if part.get("class") == "value" and since):
                self._add(row, self._switch_class("opacity", 0, 1, since, self.length))

    def _rewritten(self, group: ElementTree.Element, kind: str, changes: Sequence[tuple[int, str]]) -> None:
        """A row once for each text that the steps write on it, each shown in its time."""
        row = next((part for part in group if part.get("class") == kind), None)
        if row is None or not changes:
            return
        ends = [*(i for i, _ in changes[1:]), self.length]
        for (since, text), until in zip(changes, ends, strict=True):
            copy = ElementTree.SubElement(group, row[0].tag, dict(row[0].attrib))
            copy.text = text
            copy.set("class", self._switch_class("opacity", 0, 1, since, until))
            if until < self.length:
                copy.set("opacity", "0")
        group.remove(row)

    def _links(self, groups: Iterable[ElementTree.Element]) -> None:
        for group in groups:
            tail, head = group.get("data-tail", ""), group.get("data-head", "")
            read = self._first(i for i, s in enumerate(self.told) if s.phase != "bprop" and head in s.tiles)
            ends = {(tail, head), (tail.partition("@")[0], head)}
            sent = self._first(i for i, s in enumerate(self.told) if ends & set(s.sent))
            for part in group:
                if part.get("class") == "there" and read:
                    self._add(part, self._switch_class("opacity", 0.25, 1, read, self.length))
                if part.get("class") == "back":
                    if sent:
                        self._add(part, self._switch_class("opacity", 0, 1, sent, self.length))
                    else:
                        part.set("opacity", "0")

    def _words(self) -> None:
        """What each step says, above the picture."""
        left, top, width, height = map(float, self.root.get("viewBox", "").split())
        heads = [f"{step.place}  {step.title}" if step.phase != "start" else step.title for step in self.told]
        texts = [_lines(f"{head}: {step.words}", width - 36) for head, step in zip(heads, self.told, strict=True)]
        room = _LINE * max(map(len, texts)) + 14
        box = f"{left:g} {top - room:g} {width:g} {height + room:g}"
        self.root.set("viewBox", box)
        self.root.set("height", f"{height + room:g}")
        for paper in (part for part in self.root if part.get("class") == "paper"):
            paper.set("y", f"{top - room:g}")
            paper.set("height", f"{height + room:g}")
        for i, (step, lines) in enumerate(zip(self.told, texts, strict=True)):
            role = "gradient" if step.phase == "bprop" else "ink"
            attributes = {"font-size": f"{_SIZE}", "fill": self.colours[role], "id": f"words-{i}"}
            words = ElementTree.SubElement(self.root, f"{{{_SVG}}}text", attributes)
            words.set(
                "class",
                f"words {self._switch_class('opacity', 0, 1, i, self.length if i + 1 == len(self.told) else i + 1)}",
            )
            for number, line in enumerate(lines):
                at = {"x": f"{left + 18:g}", "y": f"{top - room + 14 + _LINE * (number + 0.7):.1f}"}
                ElementTree.SubElement(words, f"{{{_SVG}}}tspan", at).text = line

    def _switch_class(self, name: str, before: float, during: float, since: int, until: int) -> str:
        """A class under which a property has one value from one step to another, and another value elsewhere."""
        rule = _Rule(f"s{since}-{until}-{round(100 * before)}", [(since, until)], name, f"{before:g}", f"{during:g}")
        return self.rules.setdefault(rule.name, rule).name

    def _mark_class(self, now: Sequence[int], width: str) -> str:
        name = "n" + "-".join(map(str, now)) + "-" + width.replace(".", "_")
        rule = _Rule(name, [(i, i + 1) for i in now], "stroke-width", width, f"{float(width) + 2.6:g}")
        return self.rules.setdefault(name, rule).name

    def _play_rule(self, rule: _Rule) -> str:
        outside, inside = (f"{rule.property}:{value}" for value in (rule.outside, rule.inside))
        stops = [f"0%{{{outside}}}"]
        for since, until in rule.spans:
            stops.append(f"{100 * since / self.length:.3f}%{{{inside}}}")
            stops.append(f"{100 * until / self.length:.3f}%{{{outside if until < self.length else inside}}}")
        frames = f"@keyframes {rule.name}{{{''.join(stops)}}}"
        return f"{frames}.{rule.name}{{animation:{rule.name} {self.length * SECONDS:g}s step-end infinite}}"

    @staticmethod
    def _first(steps: Iterable[int]) -> int:
        return next(iter(steps), 0)

    @staticmethod
    def _add(element: ElementTree.Element, name: str) -> None:
        element.set("class", f"{element.get('class', '')} {name}".strip())


def _lines(text: str, width: float) -> list[str]:
    """The text in lines that are not wider."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1] else word
        if lines[-1] and text_width(longer, _SIZE) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


_BODY = """<div class="controls" role="group" aria-label="steps">
<button id="play" type="button">Play</button>
<button id="back" type="button" aria-label="previous step">‹</button>
<input id="slider" type="range" min="0" value="0" step="1" aria-label="step">
<button id="next" type="button" aria-label="next step">›</button>
<span id="place" class="place"></span>
</div>
<div id="words" class="words" aria-live="polite"></div>
<div id="stage" class="stage" style="--wide:{wide}px;--high:{high}px">{svg}</div>
<div id="line" class="line"></div>
<p class="help">← → step, space plays, a click on a box jumps to its next step.</p>
<script type="application/json" id="steps">{steps}</script>"""

_SIZE_OF_SVG = re.compile(r'<svg[^>]* width="(\d+)" height="(\d+)"')


def _ready(suffix: str) -> None:
    """Refuse, before anything is drawn, what cannot be written on this machine."""
    painting("animate")
    if suffix == ".mp4" and shutil.which("ffmpeg") is None:
        raise RenderError(
            "animate: found no program ffmpeg, which writes an .mp4; install it (https://ffmpeg.org/download.html), or "
            "write a .gif, .html, .svg or .pdf"
        )


def _frames(stills: Sequence[str]) -> Any:
    painter = painting("animate")
    (left, right), _ = painter.Painted(stills[0]).sides
    return painter.frames(stills, min(2.0, _WIDE / (right - left)))


def _gif(stills: Sequence[str], title: str) -> bytes:
    from PIL import Image  # what matplotlib needs

    images = [
        Image.frombytes("RGBA", size, pixels).convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
        for size, pixels in _frames(stills)
    ]
    times = [round(1000 * SECONDS)] * len(images)
    times[-1] *= 3
    content = io.BytesIO()
    first, *others = images
    first.save(content, "GIF", save_all=True, append_images=others, duration=times, loop=0, comment=title.encode())
    return content.getvalue()


def _mp4(stills: Sequence[str], title: str) -> bytes:
    program = shutil.which("ffmpeg") or "ffmpeg"
    shown = list(_frames([*stills, stills[-1], stills[-1]]))
    wide, high = shown[0][0]
    raw = ["-f", "rawvideo", "-pix_fmt", "rgba", "-s", f"{wide}x{high}", "-r", f"{1 / SECONDS:g}", "-i", "-"]
    even = ["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-r", "25", "-pix_fmt", "yuv420p", "-movflags", "+faststart"]
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "film.mp4"
        command = [program, "-y", "-loglevel", "error", *raw, *even, "-metadata", f"title={title}", str(made)]
        done = subprocess.run(command, input=b"".join(pixels for _, pixels in shown), capture_output=True, check=False)
        if done.returncode or not made.is_file():
            said = done.stderr.decode(errors="replace").strip() or f"it ended with {done.returncode}"
            raise RenderError(f"animate: ffmpeg wrote no .mp4: {said}; write a .gif, .html, .svg or .pdf")
        return made.read_bytes()


def _pdf(stills: Sequence[str], title: str) -> bytes:
    content: bytes = painting("animate").vector_file(stills, title)
    return content


_FILMS: Mapping[str, Callable[[Sequence[str], str], bytes]] = {".gif": _gif, ".mp4": _mp4, ".pdf": _pdf}
"""By suffix, what makes a file of the pictures of all steps and a title."""


def animate(
    graph: Graph, path: str | os.PathLike[str], run: Any, grads: Any = None, *, theme: str = "auto", **settings: Any
) -> Path:
    """Write the steps of a run and of its bprop.

    A page (.html), a picture that plays itself (.svg), a film (.gif, .mp4), or a document with a page for each (.pdf).
    """
    target = Path(path)
    written = by_suffix("animate", target, {".html": _page, ".svg": playing_svg, **dict.fromkeys(_FILMS)})
    check_theme(theme)
    if written is None:
        _ready(target.suffix.lower())
    picture, told = _compose_steps(graph, run, grads, **settings)
    if written is not None:
        return ShownFile(replace_text(target, written(picture, told, theme)))
    stills = list(_Player(picture, told, drawn_theme(theme)).stills())
    return ShownFile(replace_file(target, _FILMS[target.suffix.lower()](stills, picture.title)))


def page(graph: Graph, run: Any, grads: Any = None, *, theme: str = "auto", **settings: Any) -> str:
    """The text of that page."""
    return _page(*_compose_steps(graph, run, grads, **settings), theme)


def _compose_steps(graph: Graph, run: Any, grads: Any, **settings: Any) -> tuple[Picture, list[Step]]:
    subject = Subject(graph, "both", run, grads, stepped=True)
    picture = compose(subject, **{**settings, "stubs": False})
    told = steps(subject, {box: picture.owners[name] for box, name in graph.names.items()})
    return replace(picture, tiles=tuple(_with_room(tile, told) for tile in picture.tiles)), told


def _with_room(tile: Tile, told: list[Step]) -> Tile:
    """The tile with the widest text that a step writes on it, so that its size holds each of them."""
    written = {
        "value": [step.values[tile.id] for step in told if tile.id in step.values],
        "gradient": [step.gradients[tile.id] for step in told if tile.id in step.gradients],
    }
    return replace(tile, rows=tuple(_with_widest(row, written.get(row.since, [])) for row in tile.rows))


def _with_widest(row: Row, texts: list[str]) -> Row:
    span = row.items[0]
    if not texts or not isinstance(span, Span):
        return row
    return replace(row, items=(replace(span, text=max(texts, key=lambda text: text_width(text, span.size))),))


def _page(picture: Picture, told: list[Step], theme: str) -> str:
    listed = json.dumps([asdict(step) for step in told], ensure_ascii=False, separators=(",", ":"))
    svg = draw_builtin(picture, drawn_theme(theme))
    wide, high = _SIZE_OF_SVG.findall(svg)[0]
    shown = adaptive(svg) if theme == "auto" else svg
    body = _BODY.format(svg=shown, wide=wide, high=high, steps=listed.replace("<", "\\u003c"))
    return html_page(picture.title, "animation", body, "animation", theme=theme)
