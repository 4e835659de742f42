"""Measurements kept in a file, one JSON line each, so that a run that was stopped goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


class Stored:
    """With `--keep FILE` among the arguments, what stands in the file is not measured again, and the rest is added."""

    def __init__(self, arguments: list[str]) -> None:
        self.path = Path(arguments[arguments.index("--keep") + 1]) if "--keep" in arguments else None
        self.found: dict[str, Any] = {}
        if self.path is not None and self.path.exists():
            for line in self.path.read_text().splitlines():
                self.found.update(json.loads(line))

    def __call__(self, key: str, measure: Callable[[], Any]) -> Any:
        """What was measured under this key, now or before."""
        if key not in self.found:
            self.found[key] = measure()
            if self.path is not None:
                with self.path.open("a") as file:
                    file.write(json.dumps({key: self.found[key]}) + "\n")
        return self.found[key]
