"""What every page has: its head, its own style and script, no network."""

from __future__ import annotations

from html import escape
from importlib.resources import files

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


def html_page(title: str, style: str, body: str, *scripts: str, theme: str = "auto") -> str:
    """A page with the style and the scripts of these names among the assets, in their order; the body is HTML."""
    assets = files("flowgraph.rendering") / "assets"
    code = "".join(f"\n<script>{(assets / f'{name}.js').read_text(encoding='utf-8')}</script>" for name in scripts)
    look = (assets / f"{style}.css").read_text(encoding="utf-8")
    scheme = "" if theme == "auto" else f' style="color-scheme: {"dark" if theme == "dark" else "light"}"'
    return styled_page(title, look, f"{body}{code}", scheme)


def styled_page(title: str, look: str, body: str, scheme: str = "") -> str:
    """A page with a style given as CSS and a body given as HTML."""
    return _PAGE.format(scheme=scheme, title=escape(title), style=look, body=body)
