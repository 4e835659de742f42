"""The report of the demo: one self-contained page, for light and dark screens."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from flowgraph.checking import Report
from flowgraph.graph.table import HEADINGS
from flowgraph.printable import printable
from flowgraph.rendering.page import styled_page

STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1f2933; --muted: #66717d; --line: #cbd2d9; --tile: #f6f8fa;
  --good: #007a5a; --bad: #b3440b }
@media (prefers-color-scheme: dark) { :root { --paper: #12161b; --ink: #e6eaee; --muted: #9aa5b1; --line: #36404b;
  --tile: #1a2027; --good: #2fc79a; --bad: #f0864a } }
body { margin: 0 auto; max-width: 64rem; padding: 2rem 1.25rem 4rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, sans-serif }
h1 { font-size: 1.7rem; margin: 0 } h2 { font-size: 1.15rem; margin: 2.5rem 0 .75rem }
p { max-width: 44rem } .muted { color: var(--muted) } .good { color: var(--good) } .bad { color: var(--bad) }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(10rem, 1fr)); gap: .75rem; margin: 1.5rem 0 }
.tile { background: var(--tile); border: 1px solid var(--line); border-radius: .5rem; padding: .75rem 1rem }
.tile b { display: block; font-size: 1.35rem; line-height: 1.3; white-space: nowrap }
.tile span { color: var(--muted); font-size: .85rem }
figure { margin: 0; overflow-x: auto; border: 1px solid var(--line); border-radius: .5rem; padding: 1rem }
figure svg { display: block; margin: auto; max-width: 100%; height: auto }
.scroll { overflow-x: auto } table { border-collapse: collapse; font-size: .88rem; width: 100% }
th, td { text-align: left; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line); white-space: nowrap }
th { color: var(--muted); font-weight: 500 } .number { text-align: right; font-variant-numeric: tabular-nums }
"""


def report_html(
    title: str,
    summary: Sequence[tuple[str, str]],
    graph_svg: str,
    curve_svg: str,
    rows: Iterable[Sequence[str]],
    check: Report,
    settings: dict[str, Any],
) -> str:
    """The page as text; both pictures are part of it, and nothing is loaded from elsewhere."""
    tiles = "".join(
        f'<div class="tile"><b>{escape(value)}</b><span>{escape(name)}</span></div>' for name, value in summary
    )
    boxes = table(HEADINGS, rows, first_number=4)
    chosen = table(("setting", "value"), [(name.replace("_", " "), str(value)) for name, value in settings.items()], 1)
    body = f"""<h1>{escape(title)}</h1>
<p class="muted">A network with one hidden layer learns to read handwritten digits. Every operation is a box with
<code>fprop</code> and <code>bprop</code>; gradients flow through the graph below in the reverse of its order.</p>
<div class="tiles">{tiles}</div>
<h2>Flow graph</h2>
<figure>{inline(graph_svg, "graph")}</figure>
<h2>Learning curve</h2>
<figure>{inline(curve_svg, "curve")}</figure>
<h2>Boxes</h2>
<div class="scroll">{boxes}</div>
<h2>Gradient check</h2>
<p>Before training, each box was checked where it stands, then each parameter through the whole graph: slopes along
random directions by <code>bprop</code> and by central differences, each with its own error bar.</p>
{check._repr_html_()}
<h2>Settings</h2>
<div class="scroll">{chosen}</div>"""
    return styled_page(title, STYLE, body)


def inline(svg: str, prefix: str) -> str:
    """An SVG file as an element of a page: without its prologue, its ids apart from those of other pictures."""
    element = svg[svg.index("<svg") :]
    element = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', element)
    return re.sub(r'(href="|url\()#', rf"\1#{prefix}-", element)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], first_number: int) -> str:
    """A table whose columns from `first_number` on stand to the right."""

    def line(cells: Sequence[str], tag: str) -> str:
        return "".join(
            f"<{tag}{_class(cell, column >= first_number)}>{escape(printable(cell))}</{tag}>"
            for column, cell in enumerate(cells)
        )

    body = "".join(f"<tr>{line(row, 'td')}</tr>" for row in rows)
    return f"<table><thead><tr>{line(headings, 'th')}</tr></thead><tbody>{body}</tbody></table>"


def _class(cell: str, number: bool) -> str:
    names = [*(["number"] if number else []), *{"passed": ["good"], "failed": ["bad"]}.get(cell, [])]
    return f' class="{" ".join(names)}"' if names else ""
