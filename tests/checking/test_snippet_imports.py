"""What a report says to import is Python, whatever the file and the class are called."""

import sys

import pytest

import flowgraph as fg
from flowgraph.cli.check import load
from tests.registry import unregistered

TEXT = '''
import flowgraph as fg


class Wrong(fg.Elementwise):
    """h = a^2"""

    def fprop(self, a):
        return a * a

    def bprop(self, grad, h, a):
        return (grad * a,)


class Outer:
    class Nested(Wrong):
        """h = a^2"""
'''


@pytest.mark.parametrize("stem", ["my boxes", "my-boxes", "boxes_of_mine", "2nd"])
@pytest.mark.parametrize("name", ["Wrong", "Outer.Nested"])
def test_the_code_of_a_report_runs(stem, name, tmp_path, monkeypatch, capsys):
    path = tmp_path / f"{stem}.py"
    path.write_text(TEXT)
    monkeypatch.syspath_prepend(tmp_path)
    with unregistered():
        cls = load(str(path))
        for part in name.split("."):
            cls = getattr(cls, part)
        report = fg.check(cls)
        fg.registry.pop(cls.__name__, None)  # a box of a user's is not found there by another process
        exec(report.failures[0].code, {})
    sys.modules.pop(stem, None)
    shown = dict(line.split() for line in capsys.readouterr().out.splitlines())
    assert float(shown["bprop"]) == pytest.approx(0.5 * float(shown["numeric"]), rel=1e-3)
