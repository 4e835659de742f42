"""Small pictures of arrays as PNG inside a page: grey for intensities, two colours for signed numbers."""

from __future__ import annotations

import struct
import zlib
from base64 import b64encode

import numpy as np

from flowgraph.box import Array
from flowgraph.markup import text

NEGATIVE, POSITIVE = (0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)
"""Blue and vermilion of Okabe and Ito, told apart by every kind of colour vision."""


def ink(values: Array, largest: float) -> str:
    """An image, shape (rows, columns), of intensities from 0 to `largest`, as the address of a PNG.

    A pixel is black, and as opaque as its intensity, so that the page shows through where it is 0.
    """
    pixels = np.zeros((*values.shape, 4), np.uint8)
    pixels[..., 3] = _opacity(values, largest)
    return _address(pixels)


def signed(values: Array, largest: float | None = None) -> str:
    """An image, shape (rows, columns), of signed numbers: blue below 0, orange above, clear at 0, NaN black.

    The largest modulus, that of the image unless given, is opaque.
    """
    modulus = np.abs(values)
    if largest is None:
        finite = modulus[np.isfinite(modulus)]
        largest = float(finite.max()) if finite.size else 0.0
    pixels = np.zeros((*values.shape, 4), np.uint8)
    pixels[..., :3] = np.where((values > 0)[..., None], POSITIVE, NEGATIVE)
    pixels[..., 3] = _opacity(modulus, largest)
    pixels[np.isnan(values)] = (0, 0, 0, 255)
    return _address(pixels)


def image(address: str, said: str, size: int, look: str = "") -> str:
    """The HTML element of a picture, `size` CSS pixels wide; `said` is its alternative text."""
    style = f' class="{look}"' if look else ""
    return f'<img src="{address}" alt="{text(said)}" width="{size}" height="{size}"{style}>'


def _opacity(values: Array, largest: float) -> Array:
    share = np.nan_to_num(values / largest, nan=1.0, posinf=1.0) if largest > 0 else np.zeros(values.shape)
    return np.rint(255 * np.clip(share, 0, 1)).astype(np.uint8)


def _address(pixels: Array) -> str:
    return f"data:image/png;base64,{b64encode(png(pixels)).decode()}"


def png(pixels: Array) -> bytes:
    """Pixels of red, green, blue and opacity, uint8 of shape (rows, columns, 4), as a PNG file.

    Source: W3C, Portable Network Graphics: chunks IHDR, IDAT and IEND, each line of pixels after filter type 0.
    """
    rows, columns, _ = pixels.shape
    lines = b"".join(b"\0" + row.tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", columns, rows, 8, 6, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
