"""A process for each mutant: several at a time, what they start, and mutants that change nothing."""

import os
import sys
import time

import pytest

from flowgraph.errors import UsageError
from flowgraph.mutation import mutants_of, score, sources_of

LAYERS = """import fractions


def scale_backward(dout, cache):
    return dout * cache


def shift_backward(dout):
    return 2 * dout
"""
TESTS = """from layers import scale_backward, shift_backward
from layers import scale_backward, shift_backward


def test_scale(capfd, tmp_path):
    print("of this test alone")
    assert capfd.readouterr().out == "of this test alone\\n"
    (tmp_path / "file").write_text("")
    assert scale_backward(5.0, 3.0) == 15.0


def test_scale_blindly():
    assert abs(shift_backward(1.0)) == 2.0
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Two backward passes, one well tested and one not."""
    (tmp_path / "layers.py").write_text(LAYERS)
    (tmp_path / "test_layers.py").write_text(TESTS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    return tmp_path


def scored(command, target="layers.py", every=1, **options):
    mutants = [mutant for file in sources_of(target) for mutant in mutants_of(file)]
    return score(mutants[::every], [sys.executable, *command], **options)


def outcomes(result):
    return [(one.mutant.line, one.mutant.kind, one.outcome) for one in result.outcomes]


PYTEST = ["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:hypothesispytest", "test_layers.py"]


def test_the_outcomes_are_the_same_for_several_at_a_time(project):
    one, three = scored(PYTEST, every=4), scored(PYTEST, every=4, jobs=3)
    assert outcomes(one) == outcomes(three)
    assert 0 < len(one.lived) < len(one.outcomes)


def test_a_process_that_the_command_starts_has_the_mutant_too(project):
    (project / "outer.py").write_text(
        "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'import layers; "
        "assert layers.scale_backward(5.0, 3.0) == 15.0 and layers.shift_backward(3.0) == 6.0'], check=True)\n"
    )
    assert {one.outcome for one in scored(["outer.py"]).outcomes} == {"killed"}


def test_a_command_that_imports_the_file_and_fails_without_a_mutant_is_refused(project):
    (project / "failing.py").write_text("import layers\nassert layers.scale_backward(5.0, 3.0) == 16.0\n")
    with pytest.raises(UsageError, match=r"without any mutant the command .* fails"):
        scored(["failing.py"])


@pytest.mark.parametrize(
    ("option", "found"), [("fork", "found fork=, which there is no more"), ("workers", "found workers=, which it does")]
)
def test_an_option_that_is_gone_names_what_to_use(project, option, found):
    with pytest.raises(UsageError, match=rf"^score: {found}.*jobs="):
        scored(["layers.py"], **{option: True})


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="no sessions, whose processes end together")
def test_a_child_that_hangs_is_ended_with_what_it_started(project):
    (project / "hanging.py").write_text(
        "import subprocess, sys, time\nimport layers\nif layers.scale_backward(5.0, 3.0) != 15.0:\n"
        "    other = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "    open('other', 'w').write(str(other.pid))\n    time.sleep(600)\n"
    )
    mutants = [mutant for mutant in mutants_of(project / "layers.py") if mutant.line == 5][:1]
    result = score(mutants, [sys.executable, "hanging.py"], timeout=8.0)
    assert [one.outcome for one in result.outcomes] == ["timeout"]
    other = int((project / "other").read_text())
    assert any(not alive(other) or time.sleep(0.1) for _ in range(6000))


def alive(process):
    """Whether a process runs, one that nobody has waited for being none."""
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


CHECKED = """import numpy as np


def fprop(x):
    return x * x


def square_bwd(grad, output, x):
    zero = 0.0 * np.abs(x)
    return (2 * x * grad + 3 * zero,)


def other_bwd(grad):
    return 0.0 * grad
"""


def test_mutants_that_fg_check_cannot_tell_from_the_original_are_counted_apart(project):
    (project / "squares.py").write_text(CHECKED)
    (project / "checks.py").write_text(
        "import numpy as np\nimport flowgraph as fg\nfrom squares import fprop, square_bwd, other_bwd\n"
        "fg.check(fprop, np.array([0.5, -2.0]), bprop=square_bwd).raise_for_failure()\nother_bwd(1.0)\n"
    )
    result = scored(["checks.py"], "squares.py")
    same = {(one.kind, one.line, one.diff.splitlines()[-1].strip("+ ")) for one in result.equivalent}
    assert ("constant", 10, "return (2 * x * grad + 4 * zero,)") in same
    assert ("operator", 10, "return (2 * x * grad + (3 / zero),)") not in same
    assert all(one.backward == "square_bwd" for one in result.equivalent)
    assert [(one.backward, one.diff) for one in result.lived if one.backward != "other_bwd"] == []
    assert {one.backward for one in result.lived} == {"other_bwd"}
    assert result.killed + len(result.lived) + len(result.equivalent) == len(result.outcomes)
