"""The ends of every command: the codes that pages state, and one text and one code for a file that is not there."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from flowgraph import starting
from flowgraph.checking.check import check as check_gradients
from flowgraph.cli import check as check_command
from flowgraph.cli import ends, main

DOCS = Path(__file__).resolve().parents[2] / "docs"

EXAMPLES = """
import functools
import numpy as np
import flowgraph as fg


class Twice(fg.Elementwise):
    def fprop(self, a):
        return 2.0 * a

    def bprop(self, grad, h, a):
        return (2.0 * grad,)


def mean(x, axis):
    return np.mean(x, axis=axis)


def spread(grad, h, x, axis):
    return np.broadcast_to(np.expand_dims(grad, axis), x.shape) / x.shape[axis], None


w = fg.Parameter([1.0, 2.0], name="w")
graph = fg.Graph(fg.sum(np.tanh(w)))
right = (np.tanh, np.array([0.5, -1.0]))
lenient = functools.partial(fg.check, mean, np.array([[0.3, -1.2], [1.5, 0.4]]), 0, bprop=spread)
wrong = functools.partial(fg.check, np.sin, np.array([0.5, -1.0]), bprop=lambda grad, y, x: (grad,))
undecided = np.argmax(w)
_private = fg.Graph(np.tanh(w))
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_examples.py").write_text(EXAMPLES)
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith("own_")]:
        del sys.modules[name]


def run(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)))


def of_commands(function):
    return pytest.mark.parametrize("name", sorted(main.commands))(function)


READ = {
    "targets": ["nowhere.py", "nowhere.py:graph", "folder/nowhere.py:graph", "folder/nowhere"],
    "target": ["nowhere.py", "nowhere.py:graph", "folder/nowhere.py:graph", "nowhere.safetensors", "nowhere.onnx"],
    "data": ["nowhere.csv", "nowhere.tsv", "nowhere.npz", "nowhere.parquet", "folder/nowhere.csv"],
    "folder": ["nowhere", "folder/nowhere"],
    "feeds": ["nowhere.npz", "folder/nowhere.npz"],
}
"""The parameters by which commands are told what to read, and names of what is not there."""

GIVEN = {
    "targets": ["own_examples:graph"], "target": ["own_examples:graph"], "data": ["moons"], "folder": ["."],
    "command": ["--", "true"], "texts": ["-s", "l2=0.0|0.1"], "vary": ["--vary", "l2=0.0|0.1"],
}  # fmt: skip
"""Values with which a command would run."""

ELSE = {"mutate": (".safetensors", ".onnx", ":graph"), "play": (".parquet",)}
"""What these commands do not read: saved graphs, or a name in a module; tables of other packages."""

WRITTEN = {"out", "command"}
"""Arguments that name nothing that is read."""

MISSING = [
    pytest.param(command, parameter.name, value, id=f"{name}-{value}")
    for name, command in sorted(main.commands.items())
    for parameter in command.params
    if isinstance(parameter, click.Argument) or isinstance(parameter.type, ends.ToRead)
    for value in (READ[parameter.name] if parameter.name not in WRITTEN else ())
    if name not in ELSE or not value.endswith(ELSE[name])
]


@pytest.mark.parametrize(("command", "parameter", "value"), MISSING)
def test_what_is_not_there_has_one_text_and_one_code_in_every_command(command, parameter, value, here):
    arguments = [command.name]
    for one in command.params:
        if one.name == parameter:
            arguments += [value] if isinstance(one, click.Argument) else [f"--{parameter}", value]
        elif one.name in GIVEN and (one.required or one.name == "data"):
            arguments += GIVEN[one.name]
    result = run(*arguments)
    path = value.removesuffix(":graph")
    where = "there is no folder 'folder'" if "/" in path else f"there is no such file in '{here}'"
    assert result.exit_code == ends.FAILED, result.output
    assert result.stderr == f"Error: {path}: {where}; look at the path\n"


def test_every_path_that_a_command_reads_is_looked_for_by_one_function():
    """Click's own way to look says another text, and calls it wrong usage."""
    for name, command in main.commands.items():
        for parameter in command.params:
            assert not getattr(parameter.type, "exists", False), f"{name} {parameter.name}: needs ToRead"


@of_commands
@pytest.mark.parametrize("kind", [ZeroDivisionError, EOFError, RecursionError, AssertionError, BaseException])
def test_what_the_user_s_code_raises_is_no_verdict(name, kind, monkeypatch):
    def fails(*arguments, **settings):
        raise kind("by a user")

    monkeypatch.setattr(main.commands[name], "callback", fails)
    monkeypatch.setattr(main.commands[name], "params", [])
    result = run(name)
    assert (result.exit_code, f"{kind.__name__}: by a user" in result.output) == (ends.FAILED, True)


LEFT = "import sys\nimport flowgraph as fg\n"
ENDINGS = {"in the module": "sys.exit({})\n", "in the function": "def graph():\n    sys.exit({})\n"}


@pytest.mark.parametrize("code", ["", "0", "1", "2", "None", "'a text'"])
@pytest.mark.parametrize("place", ENDINGS)
@pytest.mark.parametrize("command", ["check", "render", "animate", "explain"])
def test_code_that_ends_the_process_is_not_taken_for_the_end_of_the_command(command, place, code, here):
    (here / "own_ending.py").write_text(LEFT + ENDINGS[place].format(code))
    result = run(command, "own_ending:graph")
    assert result.exit_code == ends.FAILED, result.output
    assert result.output.startswith("Error: the code that was read ended the process, sys.exit(")
    if command == "check":
        found = run(command, "own_ending:graph", "--json")
        assert (found.exit_code, json.loads(found.stdout)["verdict"]) == (ends.FAILED, "error")


TABLE = re.compile(r"^\| (\d+) \| (.*) \|$", re.M)

ENDS = {
    "every target passes": ["own_examples:right", "own_examples:graph"],
    "a gradient is wrong": ["own_examples:wrong", "own_examples:undecided", "own_examples:right"],
    "none is wrong, but one is undecided": ["own_examples:right", "own_examples:undecided"],
    "no such module": ["own_nothing:graph"],
    "no such file": ["nowhere.py"],
    "code that raises": ["own_raising"],
    "a missing package": ["own_missing"],
    "no such option": ["own_examples:right", "--efort", "fast"],
    "no target": [],
    "a value that an option does not take": ["own_examples:right", "--effort", "much"],
}
"""What the table of the pages says, part by part, and a call that ends so."""


@pytest.mark.parametrize("page", ["checking.md", "gradient-tests-in-ci.md"])
def test_each_line_of_the_table_of_exit_codes_is_so(page, here):
    (here / "own_raising.py").write_text("raise RuntimeError\n")
    (here / "own_missing.py").write_text("import no_such_framework\n")
    text = (DOCS / page).read_text(encoding="utf-8")
    table = dict(TABLE.findall(text[text.index("| exit code | means |") :].partition("\n\n")[0]))
    assert {int(code) for code in table} == {0, 1, 2, 3, 64}
    said = {part: int(code) for code, means in table.items() for part in re.split(r": |, (?!but)", means)}
    assert ENDS.keys() <= said.keys(), f"{page} and this test name different ends"
    assert said.keys() - ENDS.keys() <= {"the check could not be made", "the command was not understood"}
    for part, arguments in ENDS.items():
        result = run("check", *arguments)
        assert result.exit_code == said[part], f"{part}: {result.output}"


def test_each_option_of_a_check_does_what_the_argument_of_that_name_does(here, monkeypatch):
    """Those that fg.check takes and a command line can say."""
    options = {"--effort": "fast", "--budget": "77", "--seed": "5", "--order": "2", "--strict": None}
    given = [word for name, value in options.items() for word in (name, value) if word is not None]
    seen = []

    def watched(thing, *inputs, **settings):
        seen.append(settings)
        return check_gradients(thing, *inputs, **settings)

    monkeypatch.setattr(check_command, "check_gradients", watched)
    assert run("check", "own_examples:graph", *given).exit_code in (ends.DONE, ends.UNDECIDED)  # in 77 milliseconds
    assert run("check", "own_examples:Twice").exit_code == ends.DONE
    assert seen == [
        {"effort": "fast", "budget": 77, "seed": 5, "order": 2, "strict": True},
        {"effort": "normal", "budget": None, "seed": 0, "order": 1, "strict": None},
    ]
    for name in options:
        assert name in run("check", "--help").output


def test_strict_makes_failures_of_notes_and_a_small_budget_is_said(here):
    assert run("check", "own_examples:lenient").exit_code == ends.DONE
    assert run("check", "own_examples:lenient", "--no-strict").exit_code == ends.DONE
    assert run("check", "own_examples:lenient", "--strict").exit_code == ends.WRONG
    many, few, none = (
        json.loads(run("check", "own_examples:lenient", "--json", *more).stdout)["reports"][0]
        for more in ([], ["--budget", "100"], ["--budget", "40"])
    )
    assert few["evaluations"] < many["evaluations"] / 2
    assert few["warnings"] == ["the budget was used up before all test cases were visited"]
    assert none["warnings"] == ["the budget was used up at the example: give a higher budget="]
    assert (many["verdict"], few["verdict"], none["verdict"]) == ("pass", "pass (example only)", "undecided")


def test_a_name_that_a_module_does_not_have_is_answered_with_those_that_it_has(here):
    result = run("check", "own_examples:nope")
    there = "Twice, graph, right, lenient, wrong, undecided"
    assert (result.exit_code, result.output) == (
        ends.FAILED, f"Error: own_examples: has no 'nope'; its targets are {there}\n",
    )  # fmt: skip
    for name in there.split(", "):
        assert run("check", f"own_examples:{name}", "--effort", "fast").exit_code in (0, 1, 2)


def test_the_codes_differ():
    codes = (ends.DONE, ends.WRONG, ends.UNDECIDED, ends.FAILED, ends.MISUSED, starting.INTERRUPTED)
    assert len(set(codes)) == len(codes)
    assert all(str(code) in run("--help").output for code in codes)


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_line_of_the_help_makes_a_shell_complete_commands_and_options(shell, here):
    """As the page and the help give it; what the shell then asks names what there is."""
    line = f'eval "$(_FLOWGRAPH_COMPLETE={shell}_source flowgraph)"'
    assert line.replace("zsh", "bash") in CliRunner().invoke(main, ["--help"]).output
    source = CliRunner().invoke(main, env={"_FLOWGRAPH_COMPLETE": f"{shell}_source"}, prog_name="flowgraph")
    assert source.exit_code == 0
    assert f"{shell}_complete" in source.output
    for words, needed in (("flowgraph tra", "train"), ("flowgraph train --class", "--class-weight")):
        asked = {"_FLOWGRAPH_COMPLETE": f"{shell}_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
        assert needed in CliRunner().invoke(main, env=asked, prog_name="flowgraph").output


def test_a_command_goes_on_when_nobody_reads_what_it_says():
    """What is written after the reader has left is dropped, here and when Python flushes at its end."""
    read, write = os.pipe()
    with open(write, "w", encoding="utf-8") as pipe:
        stream = ends.Heard(pipe)
        stream.write("one\n")
        stream.flush()
        assert os.read(read, 10) == b"one\n"
        os.close(read)
        for text in ("two\n", "x" * 100_000, "three\n"):
            stream.write(text)
            stream.flush()
        assert stream.fileno() == write
        assert stream.encoding == "utf-8"


def test_a_search_whose_reader_leaves_after_a_line_ends_as_others_do(tmp_path):
    command = [sys.executable, "-m", "flowgraph", "search", "moons", "-s", "l2=0.0|0.1|1.0", "--sampler", "grid"]
    command += ["--hidden", "4", "--epochs", "2", "-o", "out"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=tmp_path, **pipes) as process:
        assert process.stdout.readline().startswith("trial 0")
        process.stdout.close()
        assert "Error" not in process.stderr.read()
    assert process.returncode == ends.DONE
    assert (tmp_path / "out" / "report.html").exists()
