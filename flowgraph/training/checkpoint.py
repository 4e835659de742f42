"""Checkpoints: the whole state of a training in one file, from which it continues with bitwise the same results."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path

from flowgraph.errors import SavedFileError
from flowgraph.saving.archive import read_archive, write_archive
from flowgraph.saving.graph_file import Reader, Writer
from flowgraph.saving.limits import reading_foreign
from flowgraph.saving.lock import Lock
from flowgraph.saving.replacing import remove_leftovers
from flowgraph.training.callbacks import Callback
from flowgraph.training.settings import read_number, strict_settings
from flowgraph.training.state import FINGERPRINTS, State, check_record
from flowgraph.training.trainer import Trainer, decide_together, is_writer

KIND = "checkpoint"


@strict_settings
class Checkpoint(Callback):
    """Writes the state of the training into a file, at most every so many seconds, and when training ends.

    A process killed at any instant, in the middle of a write too, leaves a whole file:
    `resume(path, trainer)` goes on from it, and ends with the same bits as a training that was never
    interrupted. Two trainings do not share a file: the second is refused, by a lock beside it. `lock=False` leaves that
    to who holds the folder.

    Parameters
    ----------
    path : str or path
        The file.
    seconds : float, default 5.0
        Least time between two writes, in seconds.
    lock : bool, default True
        Whether a second training is kept from the same file.

    Examples
    --------
    >>> import tempfile, numpy as np, flowgraph as fg
    >>> from flowgraph.training import Checkpoint, load_checkpoint
    >>> path = tempfile.mkdtemp() + "/checkpoint.safetensors"
    >>> X, y = np.eye(3), np.arange(3)
    >>> _ = fg.fit(fg.MLP([3, 3], rng=0), (X, y), epochs=5, checks=False, callbacks=[Checkpoint(path)])
    >>> history = fg.fit(fg.MLP([3, 3], rng=1), (X, y), epochs=9, resume=load_checkpoint(path))
    >>> len(history), history.epochs[4].updates
    (9, 5)
    """

    def __init__(self, path: str | os.PathLike[str], *, seconds: float = 5.0, lock: bool = True) -> None:
        self.path = Path(path)
        self._lock = Lock(self.path.with_name(f"{self.path.name}.lock"), str(self.path)) if lock else None
        self.seconds = read_number("Checkpoint", "seconds", seconds, low=0)
        self._written = -math.inf

    def on_start(self, trainer: Trainer, epochs: int) -> None:
        """Take the lock of the file."""
        if self._lock is not None and is_writer(trainer.placement):
            self._lock.acquire()
            remove_leftovers(self.path)

    def on_end(self, trainer: Trainer) -> None:
        """Release the lock of the file."""
        if self._lock is not None and is_writer(trainer.placement):
            self._lock.release()

    def on_step(self, trainer: Trainer) -> None:
        """Write the state if the last write was `seconds` ago."""
        if decide_together(trainer.placement, time.perf_counter() - self._written >= self.seconds):
            save_checkpoint(self.path, trainer)
            self._written = time.perf_counter()

    def on_stop(self, trainer: Trainer) -> None:
        """Write the final state."""
        save_checkpoint(self.path, trainer)


def save_checkpoint(path: str | os.PathLike[str], trainer: Trainer) -> Path:
    """Write the state of a trainer, with fingerprints of its objective and data, into one file, atomically.

    Where several hosts train together each calls this, and the first one writes.

    Parameters
    ----------
    path : str or path
        The file that is written.
    trainer : Trainer
        The training whose state is written.

    Returns
    -------
    Path
        The file that was written.

    Examples
    --------
    >>> import tempfile, numpy as np, flowgraph as fg
    >>> from flowgraph.training import save_checkpoint
    >>> trainer = fg.Trainer(fg.MLP([3, 3], rng=0), (np.eye(3), np.arange(3)))
    >>> save_checkpoint(tempfile.mkdtemp() + "/checkpoint.safetensors", trainer).name
    'checkpoint.safetensors'
    """
    state = trainer.state()
    if not is_writer(trainer.placement):
        return Path(path)
    writer = Writer({})
    record = writer.value(state.record, "record")
    document = {"record": record, "fingerprints": trainer.fingerprints()}
    return write_archive(path, KIND, document, state.arrays)


def load_checkpoint(path: str | os.PathLike[str], *, max_bytes: int | None = None) -> State:
    """The state in a file, for `fg.fit(..., resume=...)` or `trainer.restore`; a damaged file is refused.

    Parameters
    ----------
    path : str or path
        A file that `Checkpoint` or `save_checkpoint` wrote.
    max_bytes : int, optional
        The most bytes that the file may have; by default 4 GiB.

    Returns
    -------
    State
        Where the training stood.

    Raises
    ------
    SavedFileError
        If the file is no whole checkpoint.

    Examples
    --------
    >>> import tempfile, numpy as np, flowgraph as fg
    >>> from flowgraph.training import load_checkpoint, save_checkpoint
    >>> trainer = fg.Trainer(fg.MLP([3, 3], rng=0), (np.eye(3), np.arange(3)))
    >>> _ = trainer.run(2)
    >>> path = save_checkpoint(tempfile.mkdtemp() + "/checkpoint.safetensors", trainer)
    >>> load_checkpoint(path).record["epoch"]
    2
    """
    document, arrays = read_archive(path, KIND, max_bytes)
    with reading_foreign(f"{path}: no checkpoint that this flowgraph reads", SavedFileError, passing=()):
        record, written = Reader(arrays, []).value(document["record"]), document["fingerprints"]
        check_record(record)
        return State(arrays, {**record, FINGERPRINTS: dict(written)})


def resume(path: str | os.PathLike[str], trainer: Trainer) -> Trainer:
    """Give a trainer with the same objective, data and settings the state in a file, for `trainer.run` to continue.

    Parameters
    ----------
    path : str or path
        A file that `Checkpoint` or `save_checkpoint` wrote.
    trainer : Trainer
        A trainer with the same objective, data and settings.

    Returns
    -------
    Trainer
        The trainer that was given.

    Raises
    ------
    UsageError
        If the file is that of another objective or of other data.

    Examples
    --------
    >>> import tempfile, numpy as np, flowgraph as fg
    >>> from flowgraph.training import resume, save_checkpoint
    >>> data = np.eye(3), np.arange(3)
    >>> trainer = fg.Trainer(fg.MLP([3, 3], rng=0), data)
    >>> _ = trainer.run(2)
    >>> path = save_checkpoint(tempfile.mkdtemp() + "/checkpoint.safetensors", trainer)
    >>> resume(path, fg.Trainer(fg.MLP([3, 3], rng=1), data)).epoch
    2
    """
    trainer.restore(load_checkpoint(path))
    return trainer
