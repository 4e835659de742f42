"""The run folder: what a training leaves behind, every file written as a whole."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from flowgraph.errors import SavedFileError, UsageError
from flowgraph.experiment.settings import TrainSettings
from flowgraph.saving.graph_file import read_record
from flowgraph.saving.limits import excerpt, reading_foreign
from flowgraph.saving.lock import LOCK, held_folder
from flowgraph.saving.replacing import make_folder, remove_leftovers, replace_text

FORMAT = 1


class RunFolder:
    """The folder of a training: settings, history, model, checkpoint, pictures and report.

    Parameters
    ----------
    path : str or path
        The folder.
    test_record : str or path, optional
        The file that says whether the test examples were opened; by default one in the folder.

    Examples
    --------
    >>> from flowgraph.experiment import RunFolder
    >>> RunFolder("run").model.name
    'model.safetensors'
    """

    def __init__(self, path: str | os.PathLike[str], test_record: Any = None) -> None:
        self.path = Path(path)
        self.config = self.path / "config.json"
        self.history = self.path / "history.csv"
        self.model = self.path / "model.safetensors"
        self.checkpoint = self.path / "checkpoint.safetensors"
        self.test_record = self.path / "test_opened.json" if test_record is None else Path(test_record)
        self.result = self.path / "result.json"
        self.graph_picture = self.path / "graph.svg"
        self.curve_picture = self.path / "learning_curve.svg"
        self.report = self.path / "report.html"
        self.lock = self.path / LOCK

    def lock_for_writing(self, on_wait: Callable[[str], Any] | None = None) -> AbstractContextManager[None]:
        """A context in which no other process may write into the folder.

        Parameters
        ----------
        on_wait : function, optional
            Called with a message while another process writes; without it that is an error.

        Returns
        -------
        context manager
            It holds the lock of the folder.
        """
        return held_folder(self.path, on_wait)

    def start(self, settings: TrainSettings, fingerprint: str) -> None:
        """Make the folder and write the settings.

        Parameters
        ----------
        settings : TrainSettings
            The settings of the run.
        fingerprint : str
            A checksum of the data.

        Raises
        ------
        UsageError
            If the folder has a trained model or a checkpoint.
        """
        if self.checkpoint.exists() or self.model.exists():
            raise UsageError(
                f"{self.path}: found a run in it; --resume goes on with it, or choose another folder with -o"
            )
        make_folder(self.path)
        self.write_config(settings, fingerprint)

    def write_config(self, settings: TrainSettings, fingerprint: str) -> Path:
        """Write the settings and the fingerprint of the data into config.json.

        Parameters
        ----------
        settings : TrainSettings
            The settings of the run.
        fingerprint : str
            A checksum of the data.

        Returns
        -------
        Path
            The file that was written.
        """
        return self.write_json(self.config, {"format": FORMAT, "settings": settings.as_dict(), "data": fingerprint})

    def read_config(self) -> tuple[TrainSettings, str]:
        """Read config.json.

        Returns
        -------
        settings : TrainSettings
            The settings of the run.
        fingerprint : str
            The checksum of its data.

        Raises
        ------
        UsageError
            If the folder has no config.json.
        SavedFileError
            If the file is damaged or of another format.
        """
        if not self.config.exists():
            raise UsageError(f"{self.path}: found no config.json, so there is no run to resume; train without --resume")
        with reading_foreign(f"{self.config}: no configuration of a run", SavedFileError):
            record = read_record(self.config)
            if record["format"] != FORMAT:
                raise SavedFileError(
                    f"{self.config}: found format {excerpt(record['format'])}, needs {FORMAT}; install the newer "
                    f"flowgraph"
                )
            return TrainSettings.from_dict(record["settings"]), str(record["data"])

    def clear(self) -> None:
        """Empty the folder, which is held, for another run."""
        for path in self.path.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path != self.lock:
                path.unlink()

    def remove_leftovers(self) -> None:
        """Delete what killed writers left in the folder, which is held."""
        for path in vars(self).values():
            if path.parent == self.path:
                remove_leftovers(path)

    def read_result(self) -> dict[str, Any]:
        """Read result.json, which a run writes when it has finished once.

        Returns
        -------
        dict
            The record, with "columns" and "classes" as lists of str.

        Raises
        ------
        UsageError
            If the folder has no result.json.
        SavedFileError
            If the file is damaged.
        """
        if not self.result.exists():
            raise UsageError(
                f"{self.path}: found no result.json, so no network was trained here; flowgraph train makes one"
            )
        with reading_foreign(f"{self.result}: no result of a run", SavedFileError):
            record = read_record(self.result)
            for name in ("columns", "classes"):
                if not isinstance(record[name], list) or not all(isinstance(word, str) for word in record[name]):
                    raise SavedFileError(f"{self.result}: no result of a run ({name} are no list of texts)")
            return dict(record)

    def write_json(self, path: Path, record: Mapping[str, Any]) -> Path:
        """Write a record as indented JSON.

        Parameters
        ----------
        path : Path
            The file.
        record : mapping
            Values that JSON has.

        Returns
        -------
        Path
            The file that was written.
        """
        return replace_text(path, json.dumps(record, indent=2, allow_nan=False) + "\n")

    def model_checksum(self) -> str:
        """The SHA-256 checksum of the saved model.

        Returns
        -------
        str
            64 hexadecimal digits.
        """
        return hashlib.sha256(self.model.read_bytes()).hexdigest()
