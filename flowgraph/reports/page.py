"""What the reports of the demo, of a training and of a search share: look, tiles, links, sections, pictures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from flowgraph.markup import inline, table, text
from flowgraph.rendering.page import styled_page

STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1f2933; --muted: #5b6672; --line: #cbd2d9; --tile: #f6f8fa;
  --good: #007a5a; --bad: #b3440b; --link: #0b5cad; --shade: #1f293340 }
@media (prefers-color-scheme: dark) { :root { --paper: #12161b; --ink: #e6eaee; --muted: #9aa5b1; --line: #36404b;
  --tile: #1a2027; --good: #2fc79a; --bad: #f0864a; --link: #7ab8f5; --shade: #e6eaee40 }
  .ink { filter: invert(1) }
  .weights img { filter: brightness(1.5) } }
body { margin: 0 auto; max-width: 64rem; padding: 2rem 1.25rem 4rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, sans-serif; overflow-wrap: break-word }
h1 { font-size: 1.7rem; line-height: 1.25; margin: 0 0 .5rem } h2 { font-size: 1.15rem; margin: 2.5rem 0 .75rem }
p { max-width: 44rem; margin: .5rem 0 } a { color: var(--link) } summary { cursor: pointer }
.muted { color: var(--muted) } .good, .passed, .complete { color: var(--good) } .bad, .failed { color: var(--bad) }
.tiles { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1.25rem 0 }
.tile { background: var(--tile); border: 1px solid var(--line); border-radius: .5rem; padding: .7rem .9rem;
  flex: 1 1 8rem; min-width: min-content }
.tile b { display: block; font-size: 1.3rem; line-height: 1.3; white-space: nowrap }
.tile span { color: var(--muted); font-size: .85rem; display: block; line-height: 1.35 }
.links { display: flex; flex-wrap: wrap; gap: .5rem 1.25rem; margin: 1rem 0; padding: 0; list-style: none }
figure { margin: 0; overflow-x: auto; border: 1px solid var(--line); border-radius: .5rem; padding: 1rem }
/* a shade at the side where more is out of sight; what scrolls with the content covers it at the ends */
figure, .scroll { background:
  linear-gradient(to right, var(--paper) 50%, transparent) left / 2.5rem 100% no-repeat local,
  linear-gradient(to left, var(--paper) 50%, transparent) right / 2.5rem 100% no-repeat local,
  linear-gradient(to right, var(--shade), transparent) left / 1rem 100% no-repeat,
  linear-gradient(to left, var(--shade), transparent) right / 1rem 100% no-repeat, var(--paper) }
figure svg { display: block; margin: auto; max-width: 100%; min-width: 34rem; height: auto }
figcaption { color: var(--muted); font-size: .88rem; max-width: 44rem; margin: 0 0 .75rem }
.scroll { overflow-x: auto } table { border-collapse: collapse; font-size: .88rem; width: 100% }
th, td { text-align: left; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line); white-space: nowrap }
th { color: var(--muted); font-weight: 500 } .number { text-align: right; font-variant-numeric: tabular-nums }
.images { display: flex; flex-wrap: wrap; gap: .75rem; margin: .75rem 0; padding: 0; list-style: none }
.images li { text-align: center; font-size: .85rem; line-height: 1.3 } .images small { color: var(--muted) }
img { image-rendering: pixelated; display: block; margin: 0 auto .2rem; border: 1px solid var(--line) }
.weights { gap: .3rem } .findings { margin: 1rem 0; display: grid; gap: .75rem }
.finding { border-left: 3px solid var(--line); padding-left: .9rem }
.finding.good { border-color: var(--good); color: inherit }
.finding.bad { border-color: var(--bad); color: inherit }
.finding b { display: block } .finding p { margin: 0 } code { overflow-wrap: anywhere }
"""


def report_page(
    title: str,
    lead: str,
    tiles: Iterable[tuple[str, str]],
    links: Iterable[tuple[str, str]],
    sections: Iterable[tuple[str, str]],
) -> str:
    """The page as text; nothing is loaded from elsewhere.

    `lead` and the contents of the sections are HTML; a section without content is left out. Tiles are a name and a
    value, links the name of a file beside the page and what it shows.
    """
    shown = "".join(f'<div class="tile"><b>{text(value)}</b><span>{text(name)}</span></div>' for name, value in tiles)
    listed = "".join(f'<li><a href="{text(name)}">{text(what)}</a></li>' for name, what in links)
    chapters = "\n".join(
        f"<section><h2>{text(head)}</h2>\n{content}</section>" for head, content in sections if content
    )
    body = f"""<main><h1>{text(title)}</h1>
<p class="muted">{lead}</p>
<div class="tiles">{shown}</div>
<ul class="links">{listed}</ul>
{chapters}</main>"""
    return styled_page(title, STYLE, body)


def figure(svg: str, prefix: str, said: str, caption: str = "") -> str:
    """A picture in a frame that scrolls where the window is narrower than its text can be read at."""
    below = f"<figcaption>{caption}</figcaption>" if caption else ""
    return f'<figure tabindex="0" aria-label="{text(said)}">{below}{inline(svg, prefix)}</figure>'


def scrolling_table(headings: Sequence[str], rows: Iterable[Sequence[str]], first_number: int | None = None) -> str:
    """A table that scrolls sideways where it is wider than the window."""
    content = table(headings, rows, first_number, classes=("passed", "failed", "complete"))
    return f'<div class="scroll" tabindex="0">{content}</div>'


def settings_table(settings: Iterable[tuple[str, object]]) -> str:
    """A row per setting, its name in words."""
    return scrolling_table(("setting", "value"), [(name.replace("_", " "), _value(value)) for name, value in settings])


def _value(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)
