"""The colours, by role and theme, so that a picture is drawn once for every theme; and the page around it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from html import escape
from importlib.resources import files

from flowgraph.errors import UsageError

KINDS = ("input", "target", "constant", "random", "parameter", "box", "backward", "output", "regularizer", "loss")
"""What a box is to a reader, in the order of the legend."""

LEVELS = 15
"""Steps of a histogram strip above empty."""

HEAT = 12
"""Steps of the gradient scale to either side of the middle."""

_FILLS = {
    "input": ("#DCEEF9", "#10344A"),
    "target": ("#EEF1F4", "#252C34"),
    "parameter": ("#FDEBC8", "#46340A"),
    "box": ("#FFFFFF", "#232B34"),
    "backward": ("#FFF3E9", "#3A2415"),
    "output": ("#D9F1E8", "#0B3D30"),
    "regularizer": ("#F6E1EC", "#45213A"),
    "loss": ("#FBDDD0", "#4B2411"),
}
_LINES = {
    "input": ("#0072B2", "#56B4E9"),
    "target": ("#7B8794", "#8A96A3"),
    "parameter": ("#B87800", "#E69F00"),
    "box": ("#3E4C59", "#8A96A3"),
    "backward": ("#C2560A", "#F0A060"),
    "output": ("#009E73", "#2FC79A"),
    "regularizer": ("#A03D72", "#E08FBB"),
    "loss": ("#D55E00", "#F0864A"),
}
_OTHERS = {
    "paper": ("white", "#12161B"),
    "ink": ("#1F2933", "#E6EAEE"),
    "muted": ("#5B6671", "#9AA5B1"),
    "line": ("#52606D", "#8A96A3"),
    "frame": ("#F6F8FA", "#1A2027"),
    "frame line": ("#CBD2D9", "#36404B"),
    "gradient": ("#A84400", "#F0864A"),
    "no gradient": ("#B8C0C8", "#4A545F"),
    "faded fill": ("#FDFDFD", "#12161B"),
    "value": ("#0069A5", "#56B4E9"),
    "ink on pale": ("#060A0E", "#060A0E"),
    "ink on deep": ("#FDFEFE", "#FDFEFE"),
    "not a number": ("#C2188B", "#C2188B"),
    "not computed": ("#E4E7EB", "#2E3741"),
}
_PRINT = {
    "paper": "white",
    "ink": "#000000",
    "muted": "#333333",
    "line": "#000000",
    "frame": "#FFFFFF",
    "frame line": "#777777",
    "gradient": "#000000",
    "value": "#000000",
    "no gradient": "#999999",
    "faded fill": "#FFFFFF",
}
_EMPTY = {"value": ("#F0F7FA", "#26313B"), "gradient": ("#FEF6F0", "#302923")}
_HEAT = ("#2B6CB0", "#A5CBEA", "#F1F1EE", "#F9BC93", "#C2410C")
"""Vanishing, half of it, as the output layer, half of it, exploding."""


def mix(start: str, end: str, share: float) -> str:
    """The colour at the given fraction between two colours."""
    pairs = zip(_channels(start), _channels(end), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02X}" for a, b in pairs)


def heat_role(log_ratio: float) -> str:
    """The role that shows a gradient's size against that of the output layer, given log10 of their ratio."""
    if math.isnan(log_ratio) or log_ratio == math.inf:
        return "not a number"
    step = max(-1.0, min(1.0, log_ratio / 3)) * HEAT
    return f"heat {round(step)}"


def ink_on(role: str) -> str:
    """The role of a text on a fill: of two inks the one that stands out on the gradient scale; else "ink", or any."""
    if role == "faded fill":
        return "muted"
    if role == "not a number":
        return "ink on deep"
    if role.startswith("heat "):
        ground = _luminance(THEMES["light"][role]) + 0.05
        deep, pale = (_luminance(_OTHERS[f"ink on {shade}"][0]) + 0.05 for shade in ("deep", "pale"))
        return "ink on deep" if deep / ground > ground / pale else "ink on pale"
    return "ink"


def _luminance(colour: str) -> float:
    parts = (part / 255 for part in _channels(colour))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _channels(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _colours_of(which: int) -> dict[str, str]:
    colours = {role: pair[which] for role, pair in _OTHERS.items()}
    for kind in KINDS:
        base = "target" if kind in ("constant", "random") else kind
        colours[f"fill {kind}"] = _FILLS[base][which]
        colours[f"line {kind}"] = _LINES[base][which]
    for strip in ("value", "gradient"):
        for level in range(LEVELS + 1):
            colours[f"{strip} {level}"] = mix(_EMPTY[strip][which], colours[strip], level / LEVELS)
    colours |= _heat()
    return colours


def _heat() -> dict[str, str]:
    half = HEAT // 2
    steps = range(-HEAT, HEAT + 1)
    places = [divmod(min(step + HEAT, 2 * HEAT - 1), half) for step in steps]
    shares = [1.0 if step == HEAT else over / half for step, (_, over) in zip(steps, places, strict=True)]
    return {
        f"heat {step}": mix(_HEAT[stop], _HEAT[stop + 1], share)
        for step, (stop, _), share in zip(steps, places, shares, strict=True)
    }


def _print_colours() -> dict[str, str]:
    """Black on white for a copier: kinds by shape, border, and grey, or by the word on their tiles."""
    colours = _colours_of(0) | _PRINT
    for kind in KINDS:
        greys = {"input": "#EFEFEF", "parameter": "#E2E2E2", "output": "#D5D5D5", "regularizer": "#C8C8C8"}
        grey = greys.get(kind, "#FFFFFF")
        colours |= {f"fill {kind}": grey, f"line {kind}": "#000000"}
    for strip in ("value", "gradient"):
        for level in range(LEVELS + 1):
            colours[f"{strip} {level}"] = mix("#F4F4F4", "#222222", level / LEVELS)
    return colours


THEMES: Mapping[str, Mapping[str, str]] = {"light": _colours_of(0), "dark": _colours_of(1), "print": _print_colours()}
"""For each theme the colour of each role."""


def dark_colours() -> dict[str, str]:
    """For each colour of the light theme that differs in the dark one, its counterpart."""
    light, dark = THEMES["light"], THEMES["dark"]
    return {light[role]: dark[role] for role in light if light[role] != dark[role]}


_COLOURED = re.compile(r'(fill|stroke)="([#\w]+)"')
THEME_NAMES = ("auto", "light", "dark", "print")


def check_theme(theme: str) -> None:
    """Refuse a theme that does not exist."""
    if not isinstance(theme, str) or theme not in THEME_NAMES:
        raise UsageError(f"render: found theme={theme!r}, needs one of {', '.join(THEME_NAMES)}")


def drawn_theme(theme: str) -> str:
    """The theme whose colours are drawn; "auto" is drawn light."""
    return "light" if theme == "auto" else theme


def adaptive(svg: str) -> str:
    """The SVG with a style for dark pages after its opening tag; nothing else changes."""
    start = svg.index("<svg")
    end = svg.index(">", start) + 1
    return f"{svg[:end]}\n<style>{dark_style(svg)}</style>{svg[end:]}"


def dark_style(svg: str) -> str:
    """Rules that give what has a light colour its dark one, for the colours that occur."""
    present = {(attribute, colour.lower()) for attribute, colour in _COLOURED.findall(svg)}
    rules = []
    for light, dark in sorted(dark_colours().items()):
        for attribute in ("fill", "stroke"):
            if (attribute, light.lower()) in present:
                rules.append(f'[{attribute}="{light.lower()}" i]{{{attribute}:{dark}}}')
    ink = THEMES["dark"]["ink"]
    return f"@media (prefers-color-scheme:dark){{svg text:not([fill]){{fill:{ink}}}{''.join(rules)}}}"


_PAGE = """<!doctype html>
<html lang="en"{scheme}>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""


MATH = (
    'math { font-family: "Latin Modern Math", "STIX Two Math", "Cambria Math", "DejaVu Math TeX Gyre", '
    '"Libertinus Math", "Noto Sans Math", math; }\n'
)
"""Fonts that say where the parts of a formula stand; browsers do not look for one by themselves."""


def html_page(title: str, style: str, body: str, *scripts: str, theme: str = "auto") -> str:
    """A page with the style and the scripts of these names among the assets, in their order; the body is HTML."""
    assets = files("flowgraph.rendering") / "assets"
    code = "".join(f"\n<script>{(assets / f'{name}.js').read_text(encoding='utf-8')}</script>" for name in scripts)
    look = MATH + (assets / f"{style}.css").read_text(encoding="utf-8")
    scheme = "" if theme == "auto" else f' style="color-scheme: {"dark" if theme == "dark" else "light"}"'
    return styled_page(title, look, f"{body}{code}", scheme)


def styled_page(title: str, look: str, body: str, scheme: str = "") -> str:
    """A page with a style given as CSS and a body given as HTML."""
    return _PAGE.format(scheme=scheme, title=escape(title), style=look, body=body)
