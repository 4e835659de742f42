"""One SVG for light and dark: the colours of the light theme, and a style that replaces them on a dark page."""

from __future__ import annotations

import re

from flowgraph.errors import UsageError
from flowgraph.rendering.palette import THEMES, darkened

_COLOURED = re.compile(r'(fill|stroke)="([#\w]+)"')
THEME_NAMES = ("auto", "light", "dark", "print")


def check_theme(theme: str) -> None:
    """Refuse a theme that does not exist."""
    if theme not in THEME_NAMES:
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
    for light, dark in sorted(darkened().items()):
        for attribute in ("fill", "stroke"):
            if (attribute, light.lower()) in present:
                rules.append(f'[{attribute}="{light.lower()}" i]{{{attribute}:{dark}}}')
    ink = THEMES["dark"]["ink"]
    return f"@media (prefers-color-scheme:dark){{svg text:not([fill]){{fill:{ink}}}{''.join(rules)}}}"
