"""A release without the upload: `python -m tools.release_check`, which `make release-check` runs.

Builds the source distribution, and from it the wheel; checks their metadata with twine; lists what they hold and
compares that with the files of the repository; installs the wheel into an environment that has nothing else, runs a
graph there, then installs the extra `demo` and runs `flowgraph demo`. Stops at the first thing that is wrong. What was
built is left in dist/.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"

BARE = """
import numpy as np, flowgraph as fg
w = fg.Parameter([1.0, -1.0], name="w")
run = fg.Graph(fg.sum(np.tanh(w) ** 2)).fprop()
h = np.tanh(w.value)
assert np.allclose(run.bprop()[w], 2 * h * (1 - h * h))
print(fg.__file__)
"""
"""What has to run where nothing but the wheel and what it requires is installed."""


class ReleaseError(Exception):
    """What keeps this state from being released."""


def main() -> None:
    """Run every step, and say what was found."""
    try:
        version = checked_version(ROOT)
        print(f"version {version}")
        wheel, sdist = _built()
        _run(sys.executable, "-m", "twine", "check", "--strict", str(wheel), str(sdist))
        _contents(wheel, sdist)
        _installed(wheel)
    except ReleaseError as error:
        sys.exit(f"release-check: {error}")
    for note in notes(ROOT):
        print(f"note: {note}")
    print(f"release-check: {version} can be released")


def checked_version(root: Path) -> str:
    """The version, which is the same wherever it is written."""
    version: str = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    for name, pattern in (
        ("flowgraph/__init__.py", rf'^__version__ = "{re.escape(version)}"$'),
        ("CITATION.cff", rf'^version: "?{re.escape(version)}"?$'),
        ("CHANGELOG.md", rf"^## (\[?{re.escape(version)}\]? - \d{{4}}-\d\d-\d\d|\[?Unreleased\]?)$"),
    ):
        if not re.search(pattern, (root / name).read_text(encoding="utf-8"), re.M):
            raise ReleaseError(f"{name} says nothing of {version}, the version in pyproject.toml")
    return version


def notes(root: Path) -> list[str]:
    """What does not keep a release back, but should be known before it."""
    found = []
    if re.search(r"^## \[?Unreleased\]?$", (root / "CHANGELOG.md").read_text(encoding="utf-8"), re.M):
        found.append("CHANGELOG.md still has a section Unreleased; a release gives it the version and the date")
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    relative = re.findall(r"\]\((?!https?:|#)([^)]+)\)", (root / "README.md").read_text(encoding="utf-8"))
    if relative and "urls" not in project:
        found.append(
            f"pyproject.toml has no [project.urls], and README.md has {len(relative)} relative links, such as "
            f"{relative[0]}, which lead nowhere on a package index"
        )
    return found


def missing(held: Iterable[str], needed: Iterable[str]) -> list[str]:
    """The files that a distribution should hold and does not.

    >>> missing(["flowgraph/__init__.py"], ["flowgraph/__init__.py", "flowgraph/py.typed"])
    ['flowgraph/py.typed']
    """
    return sorted(set(needed) - set(held))


def foreign(held: Iterable[str]) -> list[str]:
    """The files of a wheel that are neither the package's nor its metadata.

    >>> foreign(["flowgraph/box/base.py", "flowgraph_autodiff-1.0.dist-info/METADATA", "tests/conftest.py"])
    ['tests/conftest.py']
    """
    return sorted(name for name in held if not re.match(r"flowgraph/|flowgraph_autodiff-[\w.]+\.dist-info/", name))


def _built() -> tuple[Path, Path]:
    """The wheel and the source distribution."""
    shutil.rmtree(DIST, ignore_errors=True)
    _run(sys.executable, "-m", "build", "--outdir", str(DIST), str(ROOT))
    (wheel,), (sdist,) = DIST.glob("*.whl"), DIST.glob("*.tar.gz")
    return wheel, sdist


def _contents(wheel: Path, sdist: Path) -> None:
    """Both hold every file of the repository that belongs to them, and the wheel no other."""
    tracked = _run("git", "ls-files", "-z", quiet=True).rstrip("\0").split("\0")
    tracked = [name for name in tracked if (ROOT / name).exists()]
    with zipfile.ZipFile(wheel) as archive:
        in_wheel = archive.namelist()
    with tarfile.open(sdist) as archive:
        in_sdist = [one.name.partition("/")[2] for one in archive.getmembers() if one.isfile()]
    for path, held in ((wheel, in_wheel), (sdist, in_sdist)):
        print(f"{path.name}: {path.stat().st_size / 1e6:.2f} MB, {len(held)} files")
        for folder, count in sorted(Counter(_folder(name) for name in held).items()):
            print(f"  {folder:<44}{count:>5}")
    lost = missing(in_wheel, [name for name in tracked if name.startswith("flowgraph/")])
    lost += missing(in_sdist, tracked)
    if lost:
        raise ReleaseError(f"{len(lost)} files of the repository are in no distribution: {', '.join(lost[:5])}")
    if foreign(in_wheel):
        raise ReleaseError(f"the wheel holds what is not the package's: {', '.join(foreign(in_wheel)[:5])}")


def _folder(name: str) -> str:
    """The folder under which a file is counted, two deep inside the package."""
    parts = name.split("/")[:-1]
    return "/".join(parts[: 2 if parts[:1] == ["flowgraph"] else 1]) + "/" * bool(parts) or "(top)"


def _installed(wheel: Path) -> None:
    """The wheel alone runs a graph; with its extra `demo` it runs the demo."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _run(sys.executable, "-m", "venv", str(folder / "bare"))
        scripts = folder / "bare" / ("Scripts" if sys.platform == "win32" else "bin")
        python = str(scripts / "python")
        _run(python, "-m", "pip", "install", "--quiet", str(wheel))
        place = _run(python, "-I", "-W", "error", "-c", BARE, cwd=folder, quiet=True).strip()
        if not Path(place).resolve().is_relative_to((folder / "bare").resolve()):
            raise ReleaseError(f"the bare environment imports {place}, which is not the wheel's")
        print(f"installed alone: {_run(python, '-m', 'pip', 'list', '--format=freeze', quiet=True).split()}")
        _run(python, "-m", "pip", "install", "--quiet", f"{wheel}[demo]")
        _run(str(scripts / "flowgraph"), "demo", "--out", str(folder / "out"), cwd=folder)
        if not (folder / "out" / "report.html").exists():
            raise ReleaseError("flowgraph demo ended well but wrote no report.html")


def _run(*command: str, cwd: Path = ROOT, quiet: bool = False) -> str:
    """What a command prints, shown unless `quiet`; stops where it fails."""
    if not quiet:
        print("$", *_short(command), flush=True)
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ReleaseError(f"{' '.join(_short(command))} failed:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    if not quiet and done.stdout.strip():
        print("  " + "\n  ".join(done.stdout.strip().splitlines()[-4:]))
    return done.stdout


def _short(command: Sequence[str]) -> list[str]:
    return [Path(part).name if Path(part).is_absolute() else part for part in command]


if __name__ == "__main__":
    main()
