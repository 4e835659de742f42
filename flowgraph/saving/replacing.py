"""Files that are read and written: a missing one is named, an old one is replaced as a whole."""

from __future__ import annotations

import contextlib
import csv
import difflib
import errno
import glob
import importlib
import io
import itertools
import os
import stat
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from flowgraph.errors import FileWriteError, MissingPathError, UsageError
from flowgraph.markup import sized_to_fit
from flowgraph.saving.pipes import is_pipe, write_pipe

SUFFIX = ".part"

_counter = itertools.count()

_REMEDIES = {
    errno.ENOSPC: "free space there",
    errno.EDQUOT: "free space there, or raise your quota",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f)",
    errno.EROFS: "choose a folder that can be written to",
    errno.EACCES: "choose a folder that you may write to",
    errno.EPERM: "choose a folder that you may write to",
    errno.ENOENT: "make its folder first, or choose another",
    errno.ENOTDIR: "what should be its folder is none; choose another",
    errno.EEXIST: "what should be its folder is none; choose another",
    errno.EISDIR: "a folder of that name is there; choose another name",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ENXIO: "a named pipe of that name is there, and no process reads from it; choose another name",
}


def replace_file(path: str | os.PathLike[str], content: bytes) -> Path:
    """Write the bytes to a temporary file, sync it, then rename it to the target; return the path.

    A process killed in between leaves the old file and, at worst, a hidden file ending in .part beside it. What cannot
    be written is a `FileWriteError` with the name of the file and the way out, and the old file stands as it was.
    """
    with writing(path):
        target = Path(os.path.realpath(path))
        if is_pipe(target):
            write_pipe(target, content)
            return Path(path)
        if target.exists() and not target.is_file() and not target.is_dir():  # a terminal
            target.write_bytes(content)
            return Path(path)
        part = _written_part(target, content)
        try:
            os.replace(part, target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
    _sync_folder(target.parent)
    return Path(path)


def replace_text(path: str | os.PathLike[str], text: str) -> Path:
    """The same for a text, in UTF-8; what UTF-8 does not have, half of a pair of surrogates, is written out."""
    return replace_file(path, text.encode(errors="backslashreplace"))


def replace_table(path: str | os.PathLike[str], columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> Path:
    """Write a table as CSV with a header, atomically; None and missing values become empty cells."""
    file = io.StringIO()
    writer = csv.DictWriter(file, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return replace_text(path, file.getvalue())


def create_file(path: str | os.PathLike[str], content: bytes) -> bool:
    """Write a file that is not there yet, whole; False where one is: of two processes one is first."""
    with writing(path):
        target = Path(os.path.realpath(path))
        part = _written_part(target, content)
        try:
            return _link_part(part, target)
        finally:
            part.unlink(missing_ok=True)


def make_folder(path: str | os.PathLike[str]) -> Path:
    """The folder, made with those around it where they are not there."""
    with writing(path):
        Path(path).mkdir(parents=True, exist_ok=True)
    return Path(path)


@contextmanager
def made_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A folder to write into; where nothing was written, it and those above it that were made are removed again."""
    missing = [folder for folder in (Path(path), *Path(path).parents) if not folder.is_dir()]
    folder = make_folder(path)
    try:
        yield folder
    finally:
        with contextlib.suppress(OSError):  # it is not empty
            for made in missing:
                made.rmdir()


@contextmanager
def writing(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn an OSError inside into an error that names the file and says how to continue."""
    try:
        yield
    except FileWriteError:
        raise
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        remedy = _REMEDIES.get(error.errno or 0)
        text = f"{path}: could not be written: {reason}" + (f"; {remedy}" if remedy else "")
        raise FileWriteError(error.errno, text, str(path)) from error


def remove_leftovers(path: str | os.PathLike[str]) -> None:
    """Delete temporary files that killed writers of this file left; only for a file that one process writes."""
    target = Path(os.path.realpath(path))
    for part in target.parent.glob(f"{glob.escape(_stem(target))}*{SUFFIX}"):
        part.unlink(missing_ok=True)


def _written_part(target: Path, content: bytes) -> Path:
    """A temporary file beside the target with the content, synced, and with the target's permissions."""
    while True:
        part = target.with_name(f"{_stem(target)}{os.getpid()}-{next(_counter)}{SUFFIX}")
        try:
            with open(part, "xb") as file:
                with contextlib.suppress(FileNotFoundError):
                    os.chmod(part, stat.S_IMODE(os.stat(target).st_mode))
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            return part
        except FileExistsError:  # left by a killed process that had the same number
            continue
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def _stem(target: Path) -> str:
    """The beginning of the names of temporary files, cut to the 255 bytes that a name may have."""
    return f".{target.name.encode()[:150].decode(errors='ignore')}."


def _link_part(part: Path, target: Path) -> bool:
    """Give the part the name of the target as well, unless that is taken; where no links are, write it there."""
    try:
        os.link(part, target)
    except FileExistsError:
        return False
    except OSError:
        try:
            with open(target, "xb") as file:
                file.write(part.read_bytes())
        except FileExistsError:
            return False
    _sync_folder(target.parent)
    return True


def _sync_folder(folder: Path) -> None:
    """Make the new name last, where the system can: Windows opens no folders."""
    if os.name == "nt":
        return
    with contextlib.suppress(OSError):  # the file is there; some disks do not say when its name lasts
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def reading(path: str | os.PathLike[str]) -> Iterator[None]:
    """What reads a file: a missing one is named, with files of a like name."""
    try:
        yield
    except FileNotFoundError:
        target = Path(path)
        folder = _first_there(target.parent)
        if folder != target.parent:
            problem = f"there is no folder {str(target.parent)!r}"
            near = _near(target.parent.parts[len(folder.parts)], (p.name for p in folder.iterdir() if p.is_dir()))
        else:
            problem = f"there is no such file in {str(folder.resolve())!r}"
            near = _near(target.name, (p.name for p in folder.iterdir() if p.is_file()))
        raise MissingPathError(f"{path}: {problem}{near or '; look at the path'}") from None


def must_exist(path: str | os.PathLike[str]) -> Path:
    """The path of what is to be read; an error if it is not there."""
    with reading(path):
        os.stat(path)
    return Path(path)


def _first_there(folder: Path) -> Path:
    """The folder itself, or the nearest above it that exists."""
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    return folder


def _near(name: str, known: Iterator[str]) -> str:
    near = difflib.get_close_matches(name, list(known), 3)
    return f"; near it: {', '.join(near)}" if near else ""


MOST_BYTES = 2_000_000
"""Of a file that a cell shows; of a larger one it shows the path, and the notebook stays small."""

PAGE_HEIGHT = 640
"""Pixels of a page in a cell."""

if TYPE_CHECKING:
    _Path = Path
else:
    _Path = type(Path())  # before Python 3.12 only the class of the system can be derived from


class ShownFile(_Path):
    """A path; as the last line of a cell it shows the picture or the page that stands there."""

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        shown = {"text/plain": repr(self)}
        how = {".svg": _svg, ".png": _png, ".html": _page}.get(self.suffix.lower())
        if how is not None and self.is_file() and self.stat().st_size <= MOST_BYTES:
            shown |= how(self)
        return shown


def _svg(path: Path) -> dict[str, str]:
    return {"image/svg+xml": sized_to_fit(path.read_text(encoding="utf-8"))}


def _png(path: Path) -> dict[str, str]:
    return {"image/png": b64encode(path.read_bytes()).decode("ascii")}


def _page(path: Path) -> dict[str, str]:
    framed = escape(path.read_text(encoding="utf-8"), quote=True)
    style = f"width:100%;height:{PAGE_HEIGHT}px;border:0"
    return {"text/html": f'<iframe srcdoc="{framed}" title="{escape(path.name)}" style="{style}"></iframe>'}


Choice = TypeVar("Choice")

FORMATS = {".onnx": "flowgraph.interop.onnx"}
"""Modules by the suffix of their files; every other suffix means flowgraph's own file."""


def format_of(path: str | os.PathLike[str]) -> ModuleType | None:
    """The module that writes and reads files of this suffix, None for flowgraph's own.

    >>> from flowgraph.saving.replacing import format_of
    >>> format_of("net.safetensors") is None
    True
    """
    if not isinstance(path, str | os.PathLike):
        raise UsageError(f"save, load: found {path!r}, needs the path of a file")
    module = FORMATS.get(Path(path).suffix.lower())
    return None if module is None else importlib.import_module(module)


def by_suffix(who: str, path: str | os.PathLike[str], choices: Mapping[str, Choice]) -> Choice:
    """What stands for the suffix of a path among the choices: a writer, or a format. Any other suffix is refused.

    >>> from flowgraph.saving.replacing import by_suffix
    >>> by_suffix("draw", "Net.SVG", {".svg": "a picture", ".html": "a page"})
    'a picture'
    """
    suffix = Path(path).suffix.lower()
    if suffix not in choices:
        *others, last = choices
        needed = f"{', '.join(others)} or {last}" if others else last
        raise UsageError(f"{who}: found {Path(path).name!r}, needs a name that ends in {needed}")
    return choices[suffix]
