"""Each program of docs/programs computes what an equal program in another library computes."""

import ast
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

from benchmarks import programs
from benchmarks.quoting.pages import measured
from tools.pages import ROOT


@pytest.fixture(autouse=True)
def quiet():
    """PyTorch and autograd warn of their own code."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.sampled(one_in=4)
@pytest.mark.parametrize("name", programs.NAMES)
def test_a_program_gives_the_numbers_of_the_equal_one(name):
    try:
        peer = programs.peer(name)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        pytest.skip("torch is not installed; this program's equal is written in it")
    found, wanted = (programs.numbers(main, small=True) for main in (programs.program(name).main, peer))
    assert found.size > 1
    assert np.isfinite(found).all()
    assert programs.difference(found, wanted) < programs.CLOSE


@pytest.mark.sampled(one_in=4)
@pytest.mark.parametrize("name", programs.NAMES)
def test_a_program_prints_its_figure_which_is_the_same_again(name, capsys):
    """Its seeds stand in its text. What a plan made of earlier calls changes is rounding."""
    module = programs.program(name)
    found, seen = module.main, []
    module.main = lambda: seen.append(found(small=True)) or seen[0]
    last = ast.parse(Path(module.__file__).read_text(encoding="utf-8")).body[-1]
    assert ast.unparse(last.test) == "__name__ == '__main__'"
    exec(compile(ast.Module(last.body, []), name, "exec"), module.__dict__)
    figure, _, said = capsys.readouterr().out.splitlines()[-1].rpartition(": ")
    first = programs.numbers(lambda small: seen[0], small=True)
    assert figure == module.FIGURE
    assert float(said) == pytest.approx(first[-1], rel=1e-3, abs=1e-4)
    assert programs.difference(programs.numbers(found, small=True), first) < programs.CLOSE


@pytest.mark.sampled(one_in=4)
@pytest.mark.parametrize("name", programs.NAMES)
def test_a_picture_shows_the_program(name):
    """By its boxes: how they are drawn may change before the picture is made anew."""
    parts = re.compile(r'id="box-[^"]*"')
    made, shown = programs.program(name).picture().to_svg(), (programs.FOLDER / f"{name}.svg").read_text("utf-8")
    assert set(parts.findall(made)) == set(parts.findall(shown)), f"run python -m benchmarks programs {name}"
    assert len(parts.findall(made)) > 3


@pytest.mark.parametrize("name", programs.NAMES)
def test_a_program_is_short_and_says_its_source(name):
    text = (programs.FOLDER / f"{name}.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 80
    assert "\nSource: " in text.split('"""')[1]
    assert f"programs/{name}.py)" in page(), "run python -m benchmarks all --only programs"


def page():
    return (ROOT / "docs" / "programs.md").read_text(encoding="utf-8")


def test_the_page_has_the_programs_and_no_others():
    assert measured()["programs"]["numbers"].keys() == set(programs.NAMES)
    own = {path.stem for path in programs.HERE.glob("*.py")} - {"__init__"}
    assert own <= set(programs.NAMES)
    assert "three that autograd runs as they stand" in page()
    assert len(programs.NAMES) == len(own) + 3 == 20
    assert {path.stem for path in programs.FOLDER.glob("*.svg")} == set(programs.NAMES)


@pytest.mark.parametrize(
    ("found", "wanted", "apart"), [([1.0, 2.0], [1.0, 2.2], 0.2 / 2.2), ([1e-12], [0.0], 1e-6), ([3.0], [3.0], 0.0)]
)
def test_a_difference_is_relative_but_beside_zero(found, wanted, apart):
    assert programs.difference(np.array(found), np.array(wanted)) == pytest.approx(apart)


def test_other_numbers_are_seen():
    """A figure that is wrong, or missing, is no equal one."""
    assert programs.difference(np.array([1.0, 2.0]), np.array([1.0, 2.00001])) > programs.CLOSE
    assert not programs.difference(np.array([np.nan]), np.array([1.0])) < programs.CLOSE
    with pytest.raises(ValueError, match="found"):
        programs.difference(np.ones(2), np.ones(3))
