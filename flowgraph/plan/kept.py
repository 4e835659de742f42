"""Programs kept on disk, for later processes: what a file holds, and whose files are read."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib
import io
import itertools
import marshal
import os
import pickle
import platform
import stat
import sys
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np

from flowgraph.box import Array, Box, Constant
from flowgraph.box.node import OF_EVERY_BOX, Line
from flowgraph.plan.binding import Program
from flowgraph.plan.equal import MORE, Made
from flowgraph.plan.rules import Rules
from flowgraph.shapes.spec import Spec

# A program as data: texts, numbers, boxes for their fprop alone, and names of functions and classes of flowgraph and
# NumPy, as pickle writes them.

_PACKAGES = ("flowgraph", "numpy", "scipy", "math", "builtins")


class _UnkeptError(Exception):
    """The program holds what no file can hold: a function of a user, a program of pieces, what Numba compiled."""


class _Fixed(NamedTuple):
    """A constant that a pass has made, of more numbers than a pass reads."""

    value: Array


class _Leaf:
    """What stands in a program from the disk for a leaf whose value each plan binds for itself."""


class _Pickler(pickle.Pickler):
    """Writes what stands above and nothing else; a leaf as its number in `places`."""

    def __init__(self, file: io.BytesIO, places: Mapping[Any, int]) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self.places = places

    def persistent_id(self, value: Any) -> int | None:
        """The number of a leaf, None for anything else."""
        return self.places.get(value) if isinstance(value, Box) else None

    def reducer_override(self, value: Any) -> Any:
        """What makes the value again, and of what; NotImplemented where pickle knows it."""
        if isinstance(value, Box):
            return _reduced_box(value)
        if isinstance(value, np.ndarray | np.dtype | np.generic) and np.result_type(value).kind not in "biufc":
            raise _UnkeptError
        if isinstance(value, np.ndarray):
            order: Any = "C" if value.flags.c_contiguous else "F"
            if not (value.flags.c_contiguous or value.flags.f_contiguous):
                raise _UnkeptError
            return _array, (value.dtype, value.shape, order, value.tobytes(order))
        known = isinstance(value, np.dtype | np.generic | slice | range | complex | tuple | type(...))
        return NotImplemented if known or value is _named else (_named, (_name_of(value),))


def _reduced_box(box: Box) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """A box for its fprop alone."""
    if isinstance(box, Constant):
        return _Fixed, (box.value,)
    state, cls = vars(box), type(box)
    if not box.built_in or not state.keys() <= OF_EVERY_BOX | MORE | cls.settings.keys():
        raise _UnkeptError
    known = all(isinstance(size, int) for spec in box.outputs for size in spec.shape)  # not of what an error names
    outputs = box.outputs if known else ()
    return _box, (cls, tuple([state[name] for name in cls.settings]), tuple(outputs), box.name, box.scope)


def _name_of(value: Any) -> str:
    """The name by which a function or a class is found again."""
    attribute = getattr(value, "__qualname__", None) or getattr(value, "__name__", "")
    for module in (getattr(value, "__module__", None), "numpy", "scipy.special"):
        name = f"{module}:{attribute}"
        with contextlib.suppress(ImportError, AttributeError, ValueError):
            if _named(name) is value:
                return name
    raise _UnkeptError


@functools.cache
def _named(name: str) -> Any:
    module, _, attribute = name.partition(":")
    if module.partition(".")[0] not in _PACKAGES or not attribute:
        raise ValueError(name)
    return functools.reduce(getattr, attribute.split("."), importlib.import_module(module))


def _box(cls: Any, settings: tuple[Any, ...], specs: tuple[Spec, ...], title: str | None, scope: str) -> Box:
    state: dict[str, Any] = {"children": (), "name": title, "scope": scope, "outputs": specs, "built_at": _FROM_DISK}
    if len(specs) == 1:
        state["shape"], state["dtype"] = specs[0]
    box: Box = object.__new__(cls)
    vars(box).update(state, **dict(zip(cls.settings, settings, strict=True)))
    return box


_FROM_DISK = Line("a graph of another process", 0)


def _array(dtype: Any, shape: tuple[int, ...], order: Any, content: bytes) -> Array:
    array = np.frombuffer(content, dtype).reshape(shape, order=order).copy("K")
    array.flags.writeable = False
    return array


def packed(made: Made) -> bytes | None:
    """A program and what it binds as bytes; None for one that no file can hold."""
    program, places = made.program, {leaf: place for place, leaf in enumerate(made.leaves)}
    file, code = io.BytesIO(), marshal.dumps(program.code)
    parts = program.text, program.call, code, program.bindings, program.bytes, program.copied, program.note
    try:
        _Pickler(file, places).dump((len(places), made.bytes, parts))
    except _UnkeptError:
        return None
    return file.getvalue()


class _Unpickler(pickle.Unpickler):
    """Reads what `_Pickler` wrote; each leaf becomes one of the program."""

    def __init__(self, content: bytes) -> None:
        super().__init__(io.BytesIO(content))
        self.leaves: dict[int, _Leaf] = defaultdict(_Leaf)

    def persistent_load(self, place: int) -> _Leaf:
        """The leaf of a number."""
        return self.leaves[place]


def unpacked(content: bytes) -> Made:
    """What `packed` has packed."""
    reader = _Unpickler(content)
    count, kept, (text, call, code, bindings, size, copied, note) = reader.load()
    leaves = tuple([reader.leaves[place] for place in range(count)])
    program = Program(text, call, bindings, size, copied, note, found=marshal.loads(code))
    return Made(program, cast(Any, leaves), kept)


# The files. What is read from them runs, as what Python keeps in __pycache__ does: so nothing is read that anybody but
# the user who runs this process could have written. A checksum finds what is damaged.

FEWEST = 30
"""Boxes of a graph from which its program is kept: one of fewer is compiled in about the time in which a process finds
out what the files depend on."""

LARGEST = 64 << 20
"""Bytes of all files, a thousand programs of small networks; the oldest make room. A bound on disk, not tuned."""

_ONE_IN = 16
"""In so many files written, the bytes of all are counted once."""

_refused: set[Path] = set()
"""Folders that could not be written to: not tried again by this process."""


def folder() -> Path | None:
    """Where files are kept: FLOWGRAPH_CACHE, or the user's folder for caches; None for "off", or without a home."""
    given = os.environ.get("FLOWGRAPH_CACHE")
    if given:
        return None if given == "off" else Path(given)
    given = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME")
    home = os.path.expanduser("~")
    if given or home == "~":  # of a user whom the system does not know
        return Path(given) / "flowgraph" if given else None
    inside = {"win32": "", "darwin": "Library/Caches"}.get(sys.platform, ".cache")
    return Path(home, inside, "flowgraph")


def is_own(status: os.stat_result) -> bool:
    """Whether a file or folder belongs to the user of this process, and nobody else may write to it."""
    if not hasattr(os, "geteuid"):  # Windows, where the folder is one of the user's profile, or was named
        return True
    return status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def own_folder(path: Path) -> bool:
    """Whether the folder is there, or could be made, and is the user's own; a link to one is not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    status = path.lstat()
    return stat.S_ISDIR(status.st_mode) and is_own(status)


@functools.cache
def _versions() -> str:
    """What programs depend on beside their graph: flowgraph's files, Python, NumPy, the processor."""
    home = Path(__file__).parents[1]
    files = sorted(_files_in(str(home)))
    simd = np.show_config(mode="dicts")["SIMD Extensions"]["found"]
    return repr((sys.version, np.__version__, platform.machine(), simd, files))


def _files_in(folder: str) -> Iterator[tuple[str, int, int]]:
    for entry in os.scandir(folder):
        if entry.is_dir():
            yield from _files_in(entry.path)
        elif entry.name.endswith(".py"):
            status = entry.stat()
            yield entry.path, status.st_size, status.st_mtime_ns


def file_of(key: Hashable, boxes: int) -> Path | None:
    """The file for the program of a graph of this key, whether it is there or not; None where none is kept."""
    place = folder()
    if place is None or boxes < FEWEST or Rules.of_others:
        return None
    *parts, _, others = cast(tuple[Any, ...], key)  # how many rules are loaded is no matter where all are of a version
    digest = hashlib.sha256(repr((_versions(), parts, others)).encode(errors="surrogatepass")).hexdigest()
    return place / "plans" / digest


def read(path: Path) -> Made | None:
    """The program of a file; None where there is none, where it is damaged, or could be somebody else's."""
    try:
        if not is_own(path.parent.lstat()):
            return None
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)), "rb") as file:
            if not is_own(os.fstat(file.fileno())):
                return None
            content = file.read()
        if _checksum(path, content[_DIGEST:]) != content[:_DIGEST]:
            return None
        os.utime(path)
        return unpacked(content[_DIGEST:])
    except (OSError, ImportError, AttributeError):  # or it calls what is not installed any more
        return None


_DIGEST = hashlib.sha256().digest_size


def _checksum(path: Path, content: bytes) -> bytes:
    """Of what the file is for, too: one that was renamed is damaged."""
    return hashlib.sha256(path.name.encode() + content).digest()


_parts = itertools.count()


def write(path: Path, made: Made) -> None:
    """Keep a program in its file; where that is not possible, nothing happens, and is not tried again."""
    content = None if path.parent in _refused else packed(made)
    if content is None:
        return
    part = path.with_name(f"{path.name}.{os.getpid()}-{next(_parts)}")
    try:
        if not own_folder(path.parent):
            raise PermissionError
        if int(path.name, 16) % _ONE_IN == 0:
            _make_room(path.parent)
        with open(
            os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600), "wb"
        ) as file:
            file.write(_checksum(path, content) + content)
        part.replace(path)
    except OSError:
        _refused.add(path.parent)
        with contextlib.suppress(OSError):
            part.unlink()


def _make_room(place: Path) -> None:
    """Let half of the files go if they are too large, those that were not read for longest."""
    files = sorted((entry.stat().st_mtime_ns, entry.stat().st_size, entry.path) for entry in os.scandir(place))
    total = sum(size for _, size, _ in files)
    left = total if total <= LARGEST else LARGEST // 2
    for _, size, path in files:
        if total <= left:
            return
        with contextlib.suppress(OSError):  # another process was here
            os.unlink(path)
        total -= size
