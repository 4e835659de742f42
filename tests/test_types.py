"""Types as a user sees them: mypy in strict mode and pyright in its default mode find a user's file clean."""

import importlib.util
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tools import open_types

pytestmark = pytest.mark.sampled(one_in=3)

ROOT = Path(__file__).parent.parent
USER = "tests/typed_user.py"

MISTAKES = """
import flowgraph as fg

x = fg.Input("x", shape=(3,))
fg.compile([x], backend="numbra")
fg.Graph(x).fprop().bprop(keep="everything")
fg.gradient(x, [x], fallback="guess")
fg.Graph(x).render("x.svg", view="back")
fg.MLP([3, 2], hidden="tanch")
fg.Graph("x")
"""

CHECKERS = {"mypy": ("--strict", "--follow-imports=silent"), "pyright": ("--pythonpath", sys.executable)}


def checked(checker, path):
    """Whether a type checker found nothing, and what it prints; skipped where there is none."""
    if importlib.util.find_spec(checker) is None:
        pytest.skip(f"{checker} is not installed; the extra dev brings it")
    command = [sys.executable, "-m", checker, *CHECKERS[checker], str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    text = done.stdout + done.stderr
    if checker == "pyright" and " errors, " not in text:
        pytest.skip(f"pyright does not run here; its program is fetched when it first runs: {text.strip()[-300:]}")
    return done.returncode == 0, text


@pytest.mark.parametrize("checker", CHECKERS)
def test_a_file_of_a_user_is_clean(checker):
    clean, text = checked(checker, USER)
    assert clean, text


@pytest.mark.sampled(one_in=6)
@pytest.mark.parametrize("checker", CHECKERS)
def test_a_word_that_is_no_choice_is_seen(checker, tmp_path):
    path = tmp_path / "mistakes.py"
    path.write_text(MISTAKES)
    clean, text = checked(checker, path)
    assert not clean
    lines = range(MISTAKES.splitlines().index('x = fg.Input("x", shape=(3,))') + 2, len(MISTAKES.splitlines()) + 1)
    unseen = [number for number in lines if f"{path.name}:{number}:" not in text]
    assert not unseen, text


def test_the_file_of_the_user_runs():
    done = subprocess.run(
        [sys.executable, "-m", "tests.typed_user"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_few_parameters_are_open():
    """Beside those that hold the value of a box, which is an array or a box; 38 % were, before it had a name."""
    assert open_types.share(sum(open_types.counts().values(), Counter())) < 0.1, open_types.table()
