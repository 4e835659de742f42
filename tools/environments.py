"""Environments that hold a set of extras and nothing else: from the package index, or out of the one that runs this.

The second kind links the files of the distributions that the first would install, so that it takes no time and no
network: what an extra leaves out is not there, although it is installed where this runs.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from tools.pages import DISTRIBUTION, ROOT

Needed = frozenset[str]
"""Extras as `[name]`, and names of other packages."""


class NotInstalledError(Exception):
    """A distribution that an environment needs and that is not installed here, so it cannot be linked."""


def requirements(needed: Needed) -> list[str]:
    """What pyproject.toml says to install for a set of extras, as requirements."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    found = list(project["dependencies"])
    left = sorted(needed)
    for one in left:  # grows while it is read
        own = re.fullmatch(rf"(?:{DISTRIBUTION})?\[([\w,]+)\]", one)
        if own is None:
            found.append(one)
            continue
        left += [more for extra in own[1].split(",") for more in extras[extra] if more not in left]
    return list(dict.fromkeys(found))


def installed(folder: Path, needed: Needed, wheel: Path) -> Path:
    """The Python of an environment made by pip; one that is there is used again, with the package of today."""
    place = folder / _name(needed)
    python, told = place / "bin" / "python", place / "requirements.json"
    if not (told.exists() and json.loads(told.read_text()) == requirements(needed)):
        shutil.rmtree(place, ignore_errors=True)
        venv.EnvBuilder(with_pip=True, symlinks=True).create(place)
        _pip(python, "install", "--quiet", *requirements(needed))
        told.write_text(json.dumps(requirements(needed)))
    _pip(python, "install", "--quiet", "--no-deps", "--force-reinstall", str(wheel))
    return python


def built_wheel(folder: Path) -> Path:
    """The wheel of the working tree."""
    _pip(Path(sys.executable), "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT))
    (wheel,) = folder.glob("*.whl")
    return wheel


def _pip(python: Path, *arguments: str) -> None:
    done = subprocess.run([python, "-m", "pip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"pip {' '.join(arguments)} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")


def linked(folder: Path, needed: Needed) -> Path:
    """The Python of an environment whose packages are links to those that are installed here."""
    place = folder / _name(needed)
    python = place / "bin" / "python"
    if not python.exists():
        wanted = _closure(requirements(needed))
        venv.EnvBuilder(with_pip=False, symlinks=True).create(place)
        (site,) = place.glob("lib/python*/site-packages")
        _link(site, wanted)
        (site / "flowgraph").symlink_to(ROOT / "flowgraph", target_is_directory=True)
        scripts = {name: entry for one in wanted.values() for name, entry in _scripts(one.entry_points)}
        for name, entry in {**scripts, **dict(_scripts(_describe(site)))}.items():
            _write_script(place / "bin" / name, python, entry)
    return python


def _name(needed: Needed) -> str:
    named = "+".join(sorted(one.strip("[]") for one in needed)) or "core"
    return named if len(named) < 60 else hashlib.sha256(named.encode()).hexdigest()[:16]


def _closure(wanted: Iterable[str]) -> dict[str, importlib.metadata.Distribution]:
    """The distributions that a list of requirements brings, as an installer finds them, by name."""
    from packaging.requirements import Requirement

    found: dict[str, importlib.metadata.Distribution] = {}
    seen: set[tuple[str, str]] = set()
    left = [(Requirement(one), "") for one in wanted]
    for one, extra in left:  # grows while it is read
        name = _normal(one.name)
        if one.marker is not None and not one.marker.evaluate({"extra": extra}):
            continue
        for asked in {"", *one.extras} - {done for known, done in seen if known == name}:
            seen.add((name, asked))
            try:
                found[name] = importlib.metadata.distribution(one.name)
            except importlib.metadata.PackageNotFoundError:
                raise NotInstalledError(one.name) from None
            left += [(Requirement(text), asked) for text in found[name].requires or ()]
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _link(site: Path, wanted: Mapping[str, importlib.metadata.Distribution]) -> None:
    """Link the files of the wanted distributions; a folder as a whole if no other distribution has files in it."""
    others = {path for one in importlib.metadata.distributions() if _normal(one.name) not in wanted
              for path in _folders(one)}  # fmt: skip
    for one in wanted.values():
        for file in one.files or ():
            if ".." in file.parts or "__pycache__" in file.parts:
                continue
            above = (file.parts[:n] for n in range(1, len(file.parts)))
            parts = next((folder for folder in above if folder not in others), file.parts)
            place = site.joinpath(*parts)
            if not place.is_symlink():
                place.parent.mkdir(parents=True, exist_ok=True)
                place.symlink_to(one.locate_file(os.path.join(*parts)))


def _folders(one: importlib.metadata.Distribution) -> Iterator[tuple[str, ...]]:
    for file in one.files or ():
        yield from (file.parts[:n] for n in range(1, len(file.parts)))


def _describe(site: Path) -> importlib.metadata.EntryPoints:
    """Write what an installer writes of the package: its name, version and entry points."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    info = site / f"{DISTRIBUTION.replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {DISTRIBUTION}\nVersion: {project['version']}\n")
    groups = {"console_scripts": project["scripts"], **project["entry-points"]}
    lines = [line for group, own in groups.items() for line in (f"[{group}]", *(f"{k} = {v}" for k, v in own.items()))]
    (info / "entry_points.txt").write_text("\n".join(lines))
    return importlib.metadata.Distribution.at(info).entry_points


def _scripts(entries: importlib.metadata.EntryPoints) -> Iterator[tuple[str, importlib.metadata.EntryPoint]]:
    yield from ((one.name, one) for one in entries.select(group="console_scripts"))


def _write_script(path: Path, python: Path, entry: importlib.metadata.EntryPoint) -> None:
    called = f"import sys\nfrom {entry.module} import {entry.attr}\nsys.exit({entry.attr}())\n"
    path.write_text(f"#!{python}\n{called}")
    path.chmod(0o755)
