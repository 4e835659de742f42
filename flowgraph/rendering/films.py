"""The steps of an animation one after the other: a GIF, a film by ffmpeg, a PDF with a page for each."""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from flowgraph.errors import RenderError
from flowgraph.rendering.conversion import painting

SECONDS = 1.6
"""For a step; the last one stays three times as long."""

_WIDE = 1920.0
"""Pixels of a screen; a film is twice as large as its SVG unless it were wider."""

_COLOURS = 128
"""Of a GIF, which has 256 at most: a picture has some thirty and the shades between them and the paper."""


def ready(suffix: str) -> None:
    """Refuse, before anything is drawn, what cannot be written on this machine."""
    painting("animate")
    if suffix == ".mp4" and shutil.which("ffmpeg") is None:
        raise RenderError(
            "animate: found no program ffmpeg, which writes an .mp4; install it (https://ffmpeg.org/download.html), or "
            "write a .gif, .html, .svg or .pdf"
        )


def _frames(stills: Sequence[str]) -> Any:
    painter = painting("animate")
    (left, right), _ = painter.Painted(stills[0]).sides
    return painter.frames(stills, min(2.0, _WIDE / (right - left)))


def _gif(stills: Sequence[str], title: str) -> bytes:
    from PIL import Image  # what matplotlib needs

    images = [
        Image.frombytes("RGBA", size, pixels).convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
        for size, pixels in _frames(stills)
    ]
    times = [round(1000 * SECONDS)] * len(images)
    times[-1] *= 3
    content = io.BytesIO()
    first, *others = images
    first.save(content, "GIF", save_all=True, append_images=others, duration=times, loop=0, comment=title.encode())
    return content.getvalue()


def _mp4(stills: Sequence[str], title: str) -> bytes:
    program = shutil.which("ffmpeg") or "ffmpeg"
    shown = list(_frames([*stills, stills[-1], stills[-1]]))
    wide, high = shown[0][0]
    raw = ["-f", "rawvideo", "-pix_fmt", "rgba", "-s", f"{wide}x{high}", "-r", f"{1 / SECONDS:g}", "-i", "-"]
    even = ["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2", "-r", "25", "-pix_fmt", "yuv420p", "-movflags", "+faststart"]
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "film.mp4"
        command = [program, "-y", "-loglevel", "error", *raw, *even, "-metadata", f"title={title}", str(made)]
        done = subprocess.run(command, input=b"".join(pixels for _, pixels in shown), capture_output=True, check=False)
        if done.returncode or not made.is_file():
            said = done.stderr.decode(errors="replace").strip() or f"it ended with {done.returncode}"
            raise RenderError(f"animate: ffmpeg wrote no .mp4: {said}; write a .gif, .html, .svg or .pdf")
        return made.read_bytes()


def _pdf(stills: Sequence[str], title: str) -> bytes:
    content: bytes = painting("animate").vector_file(stills, title)
    return content


WRITERS: Mapping[str, Callable[[Sequence[str], str], bytes]] = {".gif": _gif, ".mp4": _mp4, ".pdf": _pdf}
"""By suffix, what makes a file of the pictures of all steps and a title."""
