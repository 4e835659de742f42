"""One safetensors file: named arrays, a JSON document, and a checksum over both; read without running anything."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from flowgraph.box import Array
from flowgraph.errors import SavedFileError, UsageError, optional
from flowgraph.saving.limits import MOST_AXES, excerpt, read_within, reading_foreign
from flowgraph.saving.replacing import replace_file

FORMAT = 1
"""Grows by one with every change that an older flowgraph would read wrongly."""

_KEY = "flowgraph"
_PLAIN = "?bBhHiIlLqQefd"
_PARTS = {"F": "<f4", "D": "<f8"}
"""Complex numbers are stored as pairs, which every version of safetensors holds."""


def write_archive(
    path: str | os.PathLike[str], kind: str, document: Mapping[str, Any], arrays: Mapping[str, Array]
) -> Path:
    """Write the document and the arrays, atomically; `kind` says what the file is, as "graph" or "checkpoint".

    The same content gives the same bytes.
    """
    return replace_file(path, archive_bytes(kind, document, arrays))


def archive_bytes(kind: str, document: Mapping[str, Any], arrays: Mapping[str, Array]) -> bytes:
    """The bytes of the file."""
    stored, dtypes = {}, {}
    for name in sorted(arrays):
        stored[name], dtype = _storable(name, arrays[name])
        if dtype:
            dtypes[name] = dtype
    head = {"format": FORMAT, "kind": kind, "dtypes": dtypes, "document": document}
    head["sha256"] = _checksum(head, stored)
    text = json.dumps(head, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return _safetensors().save(stored, metadata={_KEY: text})  # type: ignore[no-any-return]


def read_archive(
    path: str | os.PathLike[str], kind: str, max_bytes: int | None = None
) -> tuple[dict[str, Any], dict[str, Array]]:
    """The document and the arrays of a whole file of that kind; any other file is refused with the reason."""
    content = read_within(path, "a file that flowgraph wrote", SavedFileError, max_bytes)
    header = _header(path, content)
    head = _head(path, header, kind)
    with reading_foreign(f"{path}: damaged, safetensors cannot read it; take another copy", SavedFileError):
        stored = _safetensors().load(content)
    written, needed = head.pop("sha256", None), _checksum(head, stored)
    if written != needed:
        raise SavedFileError(
            f"{path}: damaged, the checksum of its content is {needed[:12]}..., but {str(written)[:12]}... was "
            f"written; take another copy"
        )
    dtypes = head["dtypes"]
    return head["document"], {
        name: _restore_dtype(path, name, array, dtypes.get(name)) for name, array in stored.items()
    }


def _header(path: str | os.PathLike[str], content: bytes) -> dict[str, Any]:
    """The header of a safetensors file; the file must have as many bytes as it says."""
    foreign = f"{path}: not a file of flowgraph; needs one that fg.save wrote (safetensors)"
    if len(content) < 9:
        raise SavedFileError(
            f"{path}: found {len(content)} bytes, truncated or of another program; needs a file that fg.save wrote"
        )
    (length,) = struct.unpack("<Q", content[:8])
    if content[8:9] != b"{":
        raise SavedFileError(foreign)
    if length > len(content) - 8:
        raise SavedFileError(f"{path}: truncated, its header has {length} bytes and {len(content) - 8} are there")
    with reading_foreign(foreign, SavedFileError):
        header = json.loads(content[8 : 8 + length])
        promised = max((_end(entry) for name, entry in header.items() if name != "__metadata__"), default=0)
    stored = len(content) - 8 - length
    if stored != promised:
        what = "truncated" if stored < promised else "damaged"
        raise SavedFileError(f"{path}: {what}, its header promises {promised} bytes of arrays and {stored} are there")
    return dict(header)


def _end(entry: dict[str, Any]) -> int:
    """Where the bytes of an array end, as its entry in the header says; malformed entries are refused."""
    start, end = entry["data_offsets"]
    whole = all(type(number) is int and number >= 0 for number in (start, end, *entry["shape"]))
    if not whole or start > end or not isinstance(entry["dtype"], str) or len(entry["shape"]) > MOST_AXES:
        raise ValueError(f"found the entry {entry!r} of an array")
    return end  # type: ignore[no-any-return]


def _head(path: str | os.PathLike[str], header: dict[str, Any], kind: str) -> dict[str, Any]:
    """What flowgraph wrote of itself: format, kind, document."""
    unknown = f"{path}: a safetensors file without the metadata that flowgraph writes; needs one that flowgraph wrote"
    with reading_foreign(unknown, SavedFileError):
        head = json.loads(header["__metadata__"][_KEY])
        version, kind_of_file = head["format"], head["kind"]
        if not (isinstance(head["dtypes"], dict) and isinstance(head["document"], dict) and type(version) is int):
            raise TypeError
        json.dumps(head)  # the checksum takes it as text again, which a document nested too deep cannot become
    if version > FORMAT:
        raise SavedFileError(
            f"{path}: written by a newer flowgraph in format {excerpt(version)}, and this one reads up to {FORMAT}; "
            f"install the newer flowgraph"
        )
    if version < 1:
        raise SavedFileError(f"{path}: damaged, found format {excerpt(version)}, needs 1 to {FORMAT}")
    if kind_of_file != kind:
        raise SavedFileError(f"{path}: found a {excerpt(kind_of_file)}, needs a {kind}")
    return dict(head)


def _checksum(head: Mapping[str, Any], arrays: Mapping[str, Array]) -> str:
    total = hashlib.sha256(json.dumps(head, sort_keys=True, separators=(",", ":")).encode())
    for name in sorted(arrays):
        array = arrays[name]
        total.update(json.dumps([name, array.dtype.str, array.shape]).encode())
        total.update(array.tobytes())
    return total.hexdigest()


def _storable(name: str, array: object) -> tuple[Array, str | None]:
    """The array as safetensors takes it, and its dtype where that is another."""
    array = np.asarray(array)
    dtype = array.dtype.str
    if array.dtype.char in _PARTS:
        return np.ascontiguousarray(np.stack([array.real, array.imag], axis=-1), _PARTS[array.dtype.char]), dtype
    if array.dtype.char not in _PLAIN:
        raise UsageError(f"saving: found {name!r} of dtype {array.dtype}, which safetensors cannot hold; convert it")
    native = array.dtype.newbyteorder("<")
    return np.asarray(array, native, order="C"), None if native.str == dtype else dtype


def _restore_dtype(path: str | os.PathLike[str], name: str, array: Array, dtype: DTypeLike | None) -> Array:
    """The array as it was before `_storable`; any other dtype than that could be is refused."""
    if dtype is None:
        return array
    try:
        wanted = np.dtype(dtype) if isinstance(dtype, str) else None
    except (TypeError, ValueError):
        wanted = None
    if wanted is not None and wanted.newbyteorder("<") == array.dtype:
        return array.astype(wanted)
    pairs = array.ndim and array.shape[-1] == 2
    if wanted is None or not pairs or _PARTS.get(wanted.char) != array.dtype.str:
        raise SavedFileError(
            f"{path}: damaged, found the dtype {excerpt(dtype)} for the array {name!r} of {array.dtype}; "
            f"take another copy"
        )
    whole = np.empty(array.shape[:-1], wanted)
    whole.real, whole.imag = array[..., 0], array[..., 1]
    return whole


def _safetensors() -> Any:
    return optional("safetensors.numpy", "saving and loading need safetensors", "files")
