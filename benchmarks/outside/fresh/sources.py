"""Files of repositories that are on no package index: fetched at a fixed commit, read from a folder, never copied here.

    python -m benchmarks.outside.fresh.sources      fetch what sources.csv names into the folder

The folder is that of the variable FLOWGRAPH_OUTSIDE_SOURCES, or `.outside-sources` in the home directory; a repository
stands in it as `owner+name`. Each file is held against its SHA-256.
"""

from __future__ import annotations

import csv
import hashlib
import importlib
import importlib.util
import os
import sys
import types
import urllib.request
from pathlib import Path
from typing import Any, NamedTuple

LIST = Path(__file__).with_name("sources.csv")
FOLDER = Path(os.environ.get("FLOWGRAPH_OUTSIDE_SOURCES", Path.home() / ".outside-sources"))


class Source(NamedTuple):
    """One file of a repository at one commit."""

    repository: str
    commit: str
    path: str
    sha256: str

    @property
    def place(self) -> Path:
        """Where it stands once it is fetched."""
        return folder(self.repository) / self.path


def sources() -> list[Source]:
    """All that are needed."""
    with LIST.open() as file:
        return [Source(**row) for row in csv.DictReader(file)]


def folder(repository: str) -> Path:
    """The folder of a repository."""
    return FOLDER / repository.replace("/", "+")


def on_path(repository: str, below: str = ".") -> None:
    """Lets files of this repository import each other."""
    place = str(folder(repository) / below)
    if place not in sys.path:
        sys.path.insert(0, place)


class Stub(types.ModuleType):
    """A module of which every name is a class that does nothing."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {"__init__": lambda self, *args, **options: None})


def stub(*names: str) -> None:
    """Modules in the place of what is not needed: compiled extensions, downloads, plots."""
    for name in names:
        sys.modules.setdefault(name, Stub(name))


def bare(name: str) -> None:
    """A package whose modules can be imported without what its `__init__` imports."""
    if name not in sys.modules:
        spec = importlib.util.find_spec(name)
        assert spec is not None, name
        module = types.ModuleType(name)
        module.__path__ = list(spec.submodule_search_locations or ())
        module.__spec__ = spec
        sys.modules[name] = module


def loaded(repository: str, path: str, edits: tuple[tuple[str, str], ...] = ()) -> Any:
    """One file as a module of its own; each edit replaces a text that stands in it exactly once."""
    place = folder(repository) / path
    name = "outside_" + "_".join((*repository.split("/"), *Path(path).with_suffix("").parts)).replace("-", "_")
    return _executed(name, place, edits)


def _executed(name: str, place: Path, edits: tuple[tuple[str, str], ...]) -> Any:
    text = place.read_text(encoding="utf-8", errors="replace")
    for old, new in edits:
        assert text.count(old) == 1, f"{place}: {old!r} stands there {text.count(old)} times"
        text = text.replace(old, new)
    module = types.ModuleType(name)
    module.__file__ = str(place)
    module.__package__ = name.rpartition(".")[0]
    sys.modules.setdefault(name, module)
    exec(compile(text, str(place), "exec"), module.__dict__)
    return module


def fetch(source: Source) -> None:
    """From GitHub, unless it is there; refused if it is not the file that was judged."""
    if not source.place.exists():
        address = f"https://raw.githubusercontent.com/{source.repository}/{source.commit}/{source.path}"
        with urllib.request.urlopen(address) as answer:
            source.place.parent.mkdir(parents=True, exist_ok=True)
            source.place.write_bytes(answer.read())
    found = hashlib.sha256(source.place.read_bytes()).hexdigest()
    if found != source.sha256:
        raise SystemExit(f"{source.place}: SHA-256 {found}, the file that was judged has {source.sha256}")


if __name__ == "__main__":
    for one in sources():
        fetch(one)
        print(one.place)
