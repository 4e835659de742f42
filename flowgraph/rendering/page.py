"""What every page has: its head, its own style and script, no network."""

from __future__ import annotations

from html import escape
from importlib.resources import files

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}{script}
</body>
</html>
"""


def html_page(title: str, name: str, body: str, script: bool = False) -> str:
    """A page with the style, and perhaps the script, of that name among the assets; the body is HTML."""
    assets = files("flowgraph.rendering") / "assets"
    style = (assets / f"{name}.css").read_text(encoding="utf-8")
    code = f"\n<script>{(assets / f'{name}.js').read_text(encoding='utf-8')}</script>" if script else ""
    return _PAGE.format(title=escape(title), style=style, body=body, script=code)
