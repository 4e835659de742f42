"""Each line of a page that installs the package, as it is installed today: `python -m tools.install_lines`.

What that is stands in flowgraph/peers.py alone.
"""

from __future__ import annotations

import re
from pathlib import Path

from flowgraph.peers import DISTRIBUTION, requirement
from flowgraph.saving.replacing import replace_text
from tools.pages import ROOT, pages

_INSTALLS = re.compile(rf"""(pip install )(['"]?)(?:{DISTRIBUTION}|(\./flowgraph)|\.)(?:\[([\w,]+)\])?\2(?![-\w/.])""")
KEPT = ("RELEASING.md", "CHANGELOG.md", "CONTRIBUTING.md")
"""Pages that tell of other times, or of those who work on the package."""


def written(text: str) -> str:
    """The text with each of its install commands as it is today.

    >>> from tools.install_lines import written
    >>> written("run `pip install 'flowgraph-autodiff[cli]'`, or pip install .")
    'run `pip install ".[cli]"`, or pip install .'
    """
    return _INSTALLS.sub(lambda found: found[1] + requirement(found[4] or "", found[3] or "."), text)


def told() -> list[Path]:
    """The pages that install the package for users."""
    return [page for page in pages() if page.name not in KEPT]


def main() -> None:
    """Write the lines of every page."""
    for page in told():
        text = page.read_text(encoding="utf-8")
        if (new := written(text)) != text:
            replace_text(page, new)
            print(page.relative_to(ROOT))


if __name__ == "__main__":
    main()
