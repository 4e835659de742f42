"""One process that is forked for many mutants gives the outcomes of a process for each, and says where it cannot."""

import os
import sys
import time

import pytest

from flowgraph.mutation import mutants_of, score, sources_of

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no os.fork")

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


def test_the_outcomes_are_those_of_a_process_for_each(project):
    forked, again = scored(PYTEST, every=3), scored(PYTEST, every=3, jobs=3)
    apart = scored(PYTEST, every=3, fork=False, jobs=2)  # a start of pytest for each
    assert (forked.forked, forked.refused) == (len(forked.outcomes), "")
    assert (apart.forked, apart.refused) == (0, "")
    assert outcomes(forked) == outcomes(again) == outcomes(apart)
    assert 0 < len(forked.lived) < len(forked.outcomes)


def test_a_file_that_another_process_imports_has_a_process_for_each(project):
    (project / "outer.py").write_text(
        "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'import layers; "
        "assert layers.scale_backward(5.0, 3.0) == 15.0 and layers.shift_backward(3.0) == 6.0'], check=True)\n"
    )
    result = scored(["outer.py"])
    assert result.forked == 0
    assert {one.outcome for one in result.outcomes} == {"killed"}


def test_where_threads_run_no_fork_is_made(project):
    (project / "threads.py").write_text(
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\nimport layers\n"
        "assert layers.scale_backward(5.0, 3.0) == 15.0 and layers.shift_backward(3.0) == 6.0\n"
    )
    result = scored(["threads.py"])
    assert (result.forked, result.refused) == (0, "the file is imported where several threads run")
    assert {one.outcome for one in result.outcomes} == {"killed"}


def test_a_command_that_does_not_bear_a_fork_has_a_process_for_each(project):
    (project / "own.py").write_text(
        "import os\nfirst = os.getpid()\nimport layers\nassert os.getpid() == first\n"
        "assert layers.scale_backward(5.0, 3.0) == 15.0 and layers.shift_backward(3.0) == 6.0\n"
    )
    result = scored(["own.py"])
    assert (result.forked, result.refused) == (0, "the command does not pass when it goes on in a fork (exit code 1)")
    assert {one.outcome for one in result.outcomes} == {"killed"}


def test_what_comes_before_the_import_is_done_once(project):
    (project / "once.py").write_text(
        "with open('began', 'a') as file:\n    file.write('.')\nimport layers\n"
        "assert layers.scale_backward(5.0, 3.0) == 15.0 and layers.shift_backward(3.0) == 6.0\n"
    )
    result = scored(["once.py"])
    assert (project / "began").read_text() == "."
    assert result.forked == len(result.outcomes) > 5


def test_a_child_that_hangs_is_ended_with_what_it_started(project):
    (project / "hanging.py").write_text(
        "import subprocess, sys, time\nimport layers\nif layers.scale_backward(5.0, 3.0) != 15.0:\n"
        "    other = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "    open('other', 'w').write(str(other.pid))\n    time.sleep(60)\n"
    )
    mutants = [mutant for mutant in mutants_of(project / "layers.py") if mutant.line == 5][:1]
    result = score(mutants, [sys.executable, "hanging.py"], timeout=2.0)
    assert (result.forked, [one.outcome for one in result.outcomes]) == (1, ["timeout"])
    other = int((project / "other").read_text())
    assert any(not alive(other) or time.sleep(0.1) for _ in range(50))


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
