"""Rooms of the package with their tests, and which of them git says have changed, for `make near`."""

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]


def git(*arguments: str) -> str:
    """What git prints; nothing where it knows no such thing."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else ""


def names() -> list[str]:
    """The folders of tests/."""
    return sorted({path.relative_to(ROOT / "tests").parts[0] for path in (ROOT / "tests").glob("*/**/test_*.py")})


def room_of(path: str) -> str | None:
    """The room to which a file belongs, None for one that stands in no room."""
    first, *others = Path(path).parts
    named = others[0] if first in ("flowgraph", "tests") and len(others) > 1 else first
    return named if named in names() else None


@cache
def base() -> str:
    """The commit on main that this one goes back to; on main itself, the one before."""
    head = git("rev-parse", "HEAD").strip()
    for branch in ("origin/main", "main"):
        fork = git("merge-base", "HEAD", branch).strip()
        if fork and fork != head:
            return fork
    return "HEAD~1"


@cache
def changed_files(since: str) -> frozenset[str]:
    """The files that differ from a commit, those that are not committed and not yet known to git too."""
    unknown = git("ls-files", "--others", "--exclude-standard")
    return frozenset([*git("diff", "--name-only", since).splitlines(), *unknown.splitlines()])


def changed(since: str) -> set[str]:
    """The rooms of which a file differs from a commit."""
    return {room for path in changed_files(since) if (room := room_of(path)) is not None}
