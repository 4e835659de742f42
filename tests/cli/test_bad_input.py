"""Every command against a table of bad input, made from click's own list: one short line, and nothing left behind."""

import os
import signal
import subprocess
import sys
import time
import unicodedata

import click
import pytest
from click.testing import CliRunner

from flowgraph.cli import ends, main
from flowgraph.cli.ends import DONE, FAILED, MISUSED, UNDECIDED, WRONG

LONGEST = 300
"""Characters of a line of an error."""

MODULE = """
import numpy as np
import flowgraph as fg
graph = fg.Graph(fg.sum(np.tanh(fg.Parameter([1.0, 2.0], name="w"))))
"""

VALUES = {
    "nothing": "", "missing": "nowhere.csv", "here": ".", "above": "..", "many letters": "a" * 5000,
    "many of a file": "a" * 5000 + ".csv",
    "a folder": "folder", "a folder called as a file": "folder.csv", "an empty file": "empty.csv",
    "empty npz": "empty.npz",
    "an empty graph": "empty.safetensors", "an empty model": "empty.onnx", "an empty module": "empty.py",
    "below a file": "empty.csv/x.csv", "a wrong suffix": "words.docx", "control characters": "\x1b[2J\r.csv",
    "a line end": "a\nb", "half a pair": "\udcff.csv", "no permission": "locked/x.csv", "a full disk": "/dev/full",
    "an option": "--", "a URL": "http://127.0.0.1:9/x.csv",
}  # fmt: skip

NEEDED = {
    "animate": ["own_module:graph"], "render": ["own_module:graph"], "explain": ["own_module:graph"],
    "check": ["own_module:graph"], "mutate": ["own_module:graph", "--", "true"], "predict": ["folder", "empty.csv"],
    "train": ["moons"], "search": ["moons", "-s", "l2=0.0|0.1"], "bias-variance": ["moons", "--vary", "hidden=1|2"],
    "play": [], "gallery": [], "demo": [],
}  # fmt: skip
"""Arguments with which a command runs."""

SHORT = {
    "train": ["--epochs", "1", "--no-checks"], "search": ["--epochs", "1", "--trials", "1"], "demo": ["--epochs", "1"],
    "bias-variance": ["--epochs", "1", "--training-sets", "2"], "check": ["--effort", "fast"],
}  # fmt: skip
"""Settings with which it does not run for long, if the bad input is none for it."""


def arguments_with(command, parameter, value):
    """The command line in which this parameter has this value, and all that is needed besides."""
    name = command.name
    if isinstance(parameter, click.Argument):
        places = [one for one in command.params if isinstance(one, click.Argument)]
        given = [one for one in NEEDED[name] if one != "--"] + [""]
        given[places.index(parameter)] = value
        given = given[: max(len(places), len(given) - 1)]
        options = [] if name == "mutate" else SHORT.get(name, [])
        return [name, *options, *(["--"] if name != "search" else []), *given[:1], *given[1:]]
    needed = NEEDED[name]
    if name == "search" and parameter.name == "texts":
        needed = needed[:1]
    if name == "bias-variance" and parameter.name == "vary":
        needed = needed[:1]
    cut = needed.index("--") if "--" in needed else len(needed)
    return [name, *needed[:cut], *SHORT.get(name, []), parameter.opts[0], value, *needed[cut:]]


def takes_text(parameter):
    return not (isinstance(parameter, click.Option) and parameter.is_flag) and not isinstance(
        parameter.type, click.Choice
    )


TABLE = [
    pytest.param(command, parameter, what, id=f"{name} {parameter.name} {what}")
    for name, command in sorted(main.commands.items())
    for parameter in command.params
    for what in VALUES
    if takes_text(parameter) and parameter.name != "command" and (name, parameter.name) != ("demo", "out")
]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_module.py").write_text(MODULE)
    for name in ("folder", "folder.csv", "locked"):
        (tmp_path / name).mkdir()
    for suffix in ("csv", "npz", "safetensors", "onnx", "py"):
        (tmp_path / f"empty.{suffix}").write_bytes(b"")
    (tmp_path / "words.docx").write_bytes(b"PK")
    (tmp_path / "locked").chmod(0)
    yield tmp_path
    (tmp_path / "locked").chmod(0o700)
    for name in [name for name in sys.modules if name in ("own_module", "empty")]:
        del sys.modules[name]


def there(folder):
    return {path.relative_to(folder) for path in folder.rglob("*") if "__pycache__" not in path.parts}


def assert_short(text):
    for line in text.splitlines():
        assert len(line) <= LONGEST, f"{len(line)} characters: {line[:400]}"


def assert_told(code, output, errors):
    """A documented code; where it is no end of the work, one line that says why, which a terminal can show."""
    assert code in (DONE, WRONG, UNDECIDED, FAILED, MISUSED), errors[-3000:]
    assert "Traceback" not in output + errors, errors[-3000:]
    if code in (FAILED, MISUSED):
        told = [line for line in errors.splitlines() if line.startswith("Error: ")]
        assert len(told) == 1, errors[-3000:]
        assert_short(errors)
        strange = [sign for sign in errors if unicodedata.category(sign) in ("Cc", "Cs") and sign != "\n"]
        assert not strange, repr(errors[:400])


@pytest.mark.sampled(one_in=25)
@pytest.mark.parametrize(("command", "parameter", "what"), TABLE)
def test_bad_input_is_one_short_line_and_leaves_nothing_behind(command, parameter, what, here):
    before = there(here)
    result = CliRunner().invoke(main, arguments_with(command, parameter, VALUES[what]))
    assert_told(result.exit_code, result.stdout, result.stderr)
    if result.exit_code in (FAILED, MISUSED):
        assert there(here) == before


def test_every_command_is_in_the_table():
    assert NEEDED.keys() == main.commands.keys()


def in_process(*arguments, **settings):
    command = [sys.executable, "-m", "flowgraph", *arguments]
    return subprocess.run(command, check=False, stderr=subprocess.PIPE, text=True, timeout=120, **settings)


@pytest.mark.sampled(one_in=6)
@pytest.mark.parametrize("name", sorted(main.commands))
@pytest.mark.parametrize("output", ["full", "closed", "broken"])
def test_output_that_nobody_takes_is_no_traceback(name, output, here):
    """A full disk, a closed output, and a pipe whose reader has gone."""
    command = f'exec "{sys.executable}" -m flowgraph {name} --help'
    command += {"full": " > /dev/full", "closed": " >&-", "broken": " | true"}[output]
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command.replace("exec ", "", output == "broken")],
                          check=False, stderr=subprocess.PIPE, text=True, timeout=120)  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    assert done.returncode in (DONE, FAILED, 128 + signal.SIGPIPE), done.stderr
    assert_short(done.stderr)


SURROUNDINGS = {
    "C": {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, "no columns": {"COLUMNS": "0"},
    "one column": {"COLUMNS": "1"}, "no colour": {"NO_COLOR": "1"}, "dumb": {"TERM": "dumb"},
    "ASCII": {"PYTHONIOENCODING": "ascii"},
}  # fmt: skip


@pytest.mark.sampled(one_in=3)
@pytest.mark.parametrize("surroundings", SURROUNDINGS)
def test_a_command_works_in_any_surroundings(surroundings, here):
    """The help, a check, an error that quotes what ASCII does not have, and a training, whose output has bars."""
    environment = os.environ | SURROUNDINGS[surroundings]
    for arguments, code in (
        (["--help"], DONE), (["check", "own_module:graph", "--effort", "fast"], DONE), (["check", "Größe.py"], FAILED),
        (["train", "moons", "--epochs", "2", "--no-checks", "-o", "run"], DONE),
    ):  # fmt: skip
        done = in_process(*arguments, env=environment, stdout=subprocess.PIPE, cwd=here, errors="replace")
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.sampled(one_in=2)
@pytest.mark.parametrize("after", [0.3, 3.0])
def test_a_training_that_is_told_to_end_leaves_whole_files_and_goes_on(after, here):
    """SIGTERM, at once and in the middle of the work."""
    command = [
        sys.executable,
        "-m",
        "flowgraph",
        "train",
        "moons",
        "--epochs",
        "100000",
        "--patience",
        "0",
        "-o",
        "run",
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=here)
    time.sleep(after)
    process.terminate()
    _, told = process.communicate(timeout=600)
    assert process.returncode in (-signal.SIGTERM, 128 + signal.SIGTERM), told
    assert "Traceback" not in told
    if (here / "run" / "checkpoint.safetensors").exists():
        again = in_process("train", "--resume", "-o", "run", "--epochs", "1", cwd=here, stdout=subprocess.PIPE)
        assert again.returncode == DONE, again.stderr


def test_arrays_of_a_device_are_refused_and_not_read_for_ever(here):
    result = CliRunner().invoke(main, ["check", "own_module:graph", "--feeds", "/dev/zero"])
    assert result.exit_code == ends.FAILED
    assert "/dev/zero: found a device" in result.stderr
