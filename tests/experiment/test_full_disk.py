"""A full disk, a limit on the size of files, a folder that cannot be: one line with the file and the way out."""

import errno
import os
import resource
import subprocess
import sys

import pytest
from click.testing import CliRunner

from flowgraph.cli import main

SHORT = ["moons", "--epochs", "2", "--hidden", "4"]


def limited(size, *arguments):
    """The command in a process that writes no file larger than so many bytes."""
    command = [sys.executable, "-m", "flowgraph", *map(str, arguments)]
    return subprocess.run(
        command, check=False, capture_output=True, text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
    )  # fmt: skip


def test_a_limit_on_the_size_of_files_before_anything_is_kept(tmp_path):
    done = limited(2000, "train", *SHORT, "-o", tmp_path / "run")
    path = tmp_path / "run" / "checkpoint.safetensors"
    assert done.returncode == 3
    assert done.stderr == (
        f"Error: {path}: could not be written: File too large; raise the limit on the size of files (ulimit -f), "
        f"then try again\n"
    )
    assert [one.name for one in path.parent.iterdir()] == ["config.json"]
    assert CliRunner().invoke(main, ["train", *SHORT, "-o", str(tmp_path / "run")]).exit_code == 0


def test_a_training_whose_report_does_not_fit_goes_on_later(tmp_path):
    folder = tmp_path / "run"
    done = limited(20_000, "train", *SHORT, "-o", folder)
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"Error: {folder}")
    assert done.stderr.endswith(f"(ulimit -f), then go on with: flowgraph train --resume -o {folder}\n")
    assert not [one.name for one in folder.iterdir() if one.name.startswith(".") or one.name.endswith(".lock")]
    result = CliRunner().invoke(main, ["train", "--resume", "-o", str(folder)])
    assert result.exit_code == 0, result.output
    assert (folder / "report.html").exists()


@pytest.mark.parametrize("number", range(1, 8))
def test_a_disk_that_is_full_after_some_files(number, tmp_path, monkeypatch):
    real, left = os.fsync, [2 * number]

    def fsync(handle):  # of each file, and of the folder when it is in place
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(handle)

    folder = tmp_path / "run"
    monkeypatch.setattr(os, "fsync", fsync)
    result = CliRunner().invoke(main, ["train", *SHORT, "--checkpoint-every", "1000", "-o", str(folder)])
    monkeypatch.undo()
    assert result.exit_code == 3
    assert result.output.count("\n") == 1, result.output
    assert ": could not be written: No space left on device; free space there, then " in result.output
    assert not [one.name for one in folder.glob("*") if one.name.startswith(".") or one.name.endswith(".lock")]
    ways = {True: ["train", "--resume", "-o", str(folder)], False: ["train", *SHORT, "-o", str(folder)]}
    resumed = "--resume" in result.output
    assert CliRunner().invoke(main, ways[resumed]).exit_code == 0


def test_folders_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("")
    for command in (["train", *SHORT], ["search", *SHORT, "-s", "l2=0.0|0.1"], ["demo", "--epochs", "1"],
                    ["bias-variance", *SHORT, "--vary", "hidden=1|2"]):  # fmt: skip
        result = CliRunner().invoke(main, [*command, "--out", str(tmp_path / "file" / "run")])
        assert result.exit_code == 3, result.output
        assert result.stderr.count("\n") == 1, result.output
        assert f"Error: {tmp_path / 'file' / 'run'}: could not be written: " in result.stderr
        assert "what should be its folder is none; choose another" in result.output


@pytest.mark.parametrize(("place", "remedy"), [
    ("none/a.svg", "make its folder first, or choose another"), ("file/a.svg", "choose another"),
    ("x" * 300 + ".svg", "shorter name"),
])  # fmt: skip
def test_pictures_that_cannot_be_written(place, remedy, tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "net.py").write_text(
        "import flowgraph as fg\ngraph = fg.Graph(fg.mean(fg.Parameter([1.0], name='w')))\n"
    )
    target = str(tmp_path / "net.py") + ":graph"
    for command in (["render", target], ["animate", target], ["explain", target]):
        path = place.replace(".svg", ".html") if command[0] != "render" else place
        result = CliRunner().invoke(main, [*command, "-o", str(tmp_path / path)])
        assert result.exit_code == 3, result.output
        assert result.output.count("\n") == 1, result.output
        assert "could not be written: " in result.output
        assert remedy in result.output
    result = CliRunner().invoke(main, ["gallery", str(tmp_path / "none" / "a.html")])
    assert (result.exit_code, "make its folder first" in result.output) == (3, True)
