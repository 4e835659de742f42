"""Programs kept on disk: the same bits in another process; a file that is not whole, or not the user's own, is none."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import flowgraph as fg
from flowgraph.plan import kept
from flowgraph.plan.equal import known
from flowgraph.plan.numba import compiling
from flowgraph.plan.numpy import rules
from flowgraph.plan.rules import Rules
from tests.cases import cases
from tests.plan.test_equal import bits, built_of, programs, results, with_other_numbers

ROOT = Path(__file__).parents[2]


def example_of(cls):
    """The first example of a class that can be built; None for one that is built by others only."""
    for case in cases(cls):
        try:
            return case if case.box.children else None
        except fg.FlowgraphError:
            continue
    return None


EXAMPLES = {
    name: case
    for name, cls in fg.registry.items()
    if cls.__module__.startswith("flowgraph.boxes.") and (case := example_of(cls)) is not None
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder of the user, in which graphs of any size are kept."""
    place = tmp_path / "cache"
    monkeypatch.setenv("FLOWGRAPH_CACHE", str(place))
    keep_all(monkeypatch)
    return place / "plans"


def keep_all(monkeypatch):
    """Graphs of any size are kept, whatever rules other tests have registered."""
    monkeypatch.setattr(kept, "FEWEST", 0)
    monkeypatch.setattr(Rules, "of_others", 0)
    monkeypatch.setattr(kept, "_refused", set())


def network(value=0.5):
    """A step of a small network, and its parameter."""
    x, y = fg.Input("x", shape=("N", 3)), fg.Input("y", shape=("N",), dtype=int)
    w = fg.Parameter(np.full((3, 4), value), name="w")
    loss = fg.mean(fg.SoftmaxCrossEntropy(np.tanh(x @ w), y))
    (grad,) = fg.gradient(loss, [w])
    return w, fg.compile([loss], updates={w: w - 0.5 * grad})


def trained(value=0.5):
    """The bits of two steps, as a new process finds them; and the source."""
    known.forget()
    w, step = network(value)
    x = np.linspace(-1, 1, 15).reshape(5, 3)
    values = [float(step(x=x, y=[0, 1, 2, 3, 0])[0]) for _ in range(2)]
    return values, w.value.tobytes(), step.source


def compiled(monkeypatch):
    """A list that grows by one for each program that is compiled."""
    made = []
    whole = kept.packed
    monkeypatch.setattr(kept, "packed", lambda one: made.append(one) or whole(one))
    return made


def files(folder):
    """The files that are kept."""
    return sorted(folder.iterdir()) if folder.is_dir() else []


# What a file holds gives the same bits as what was compiled.


def test_random_programs_read_from_the_disk_have_the_bits_and_the_source_of_those_compiled(folder):
    asked = found = 0
    for case, seed in programs():
        expected = results(built_of(case, seed), case)
        other = with_other_numbers(case, np.random.default_rng(seed))
        known.forget()
        before = files(folder)
        assert results(built_of(case, seed), case) == expected, case.text()
        assert files(folder) == before
        known.forget()
        from_disk = results(built_of(other, seed), other)
        known.forget()
        for file in files(folder):
            file.unlink()
        assert from_disk == results(built_of(other, seed), other), case.text()
        asked += 1
        found += bool(before)
        known.forget()
    assert found > asked / 4, "most programs that can be compared can be kept"


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_every_box_is_read_from_the_disk_as_it_was(name, folder):
    case = EXAMPLES[name]

    def values():
        known.forget()
        leaves = [fg.Input(f"x{i}", shape=a.shape, dtype=a.dtype) for i, a in enumerate(case.children)]
        box = case.cls(*leaves, **case.settings)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            plan = fg.compile(list(box) if len(box.outputs) > 1 else [box])
            return [bits(value) for value in plan(*case.children)], plan.source

    first = values()
    assert len(files(folder)) == 1
    assert values() == first


def test_a_second_process_compiles_nothing_whatever_the_seed_of_its_hashes(folder, tmp_path):
    text = (
        "import flowgraph as fg, numpy as np\n"
        "from flowgraph.plan.rules import Rules\n"
        "from flowgraph.plan import PASSES\n"
        "import flowgraph.loops\n"
        "mlp = fg.MLP([4, 5, 5, 3], rng=0)\n"
        "x, y = fg.Input('x', shape=('N', 4)), fg.Input('y', shape=('N',), dtype=int)\n"
        "loss = fg.mean(fg.SoftmaxCrossEntropy(mlp.logits(x), y))\n"
        "grads = fg.gradient(loss, mlp.parameters)\n"
        "step = fg.compile([loss], {p: p - g for p, g in zip(mlp.parameters, grads)}, without=PASSES[:2])\n"
        "print(step(np.ones((2, 4)), np.array([0, 1]))[0], Rules.of_others)\n"
    )

    def ran(seed):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, env=environment, check=True)
        return done.stdout, [(file.name, file.stat().st_ino) for file in files(folder)]

    first, second = ran("1"), ran("2")
    assert first == second
    assert len(first[1]) == 1
    assert first[0].split()[1] == "0", "flowgraph's rules are its own"


def test_an_error_in_a_program_from_the_disk_names_its_box(folder):
    def refused():
        known.forget()
        with pytest.raises(fg.FlowgraphError) as caught:
            network()[1](x=np.ones((1, 3)), y=[7])
        return str(caught.value)

    assert refused() == refused()
    assert len(files(folder)) == 1


# What is not whole, or not the user's own, is compiled; what cannot be kept is not, and that is all.


@settings(max_examples=20)
@given(place=st.integers(0), change=st.integers(1, 255), cut=st.booleans())
def test_a_damaged_file_is_compiled_again(place, change, cut, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLOWGRAPH_CACHE", str(tmp_path_factory.mktemp("damaged")))
        keep_all(patch)
        expected = trained()
        (file,) = files(kept.folder() / "plans")
        whole = file.read_bytes()
        at = place % len(whole)
        file.write_bytes(whole[:at] if cut else whole[:at] + bytes([whole[at] ^ change]) + whole[at + 1 :])
        made = compiled(patch)
        assert trained() == expected
        assert len(made) == 1
        assert trained() == expected
        assert len(made) == 1, "and the file is whole again"


def test_a_file_for_another_graph_is_none(folder, monkeypatch):
    expected = trained()
    (file,) = files(folder)
    made = compiled(monkeypatch)
    monkeypatch.setattr(kept, "_versions", lambda: "another processor")
    trained()
    (other,) = set(files(folder)) - {file}
    other.write_bytes(file.read_bytes())
    assert trained() == expected
    assert len(made) == 2


def of_another(patch, folder):
    """All files belong to another user."""
    patch.setattr(os, "geteuid", lambda: 12345)


def writable(patch, folder):
    """A folder into which others may write."""
    folder.chmod(0o777)


def writable_file(patch, folder):
    """A file that others may change."""
    files(folder)[0].chmod(0o666)


def linked(patch, folder):
    """A link to a folder."""
    folder.rename(folder.with_name("elsewhere"))
    folder.symlink_to(folder.with_name("elsewhere"))


def linked_file(patch, folder):
    """A link to a file."""
    (file,) = files(folder)
    file.rename(folder.with_name("elsewhere"))
    file.symlink_to(folder.with_name("elsewhere"))


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows has other owners of files")
@pytest.mark.parametrize("foreign", [of_another, writable, writable_file, linked, linked_file])
def test_what_somebody_else_could_have_written_is_not_read(foreign, folder, monkeypatch):
    expected = trained()
    foreign(monkeypatch, folder)
    made = compiled(monkeypatch)
    assert trained() == expected
    assert len(made) == 1


def no_folder(patch, place):
    """A file where the folder should be."""
    place.parent.parent.mkdir(exist_ok=True)
    place.parent.write_text("")


def full(patch, place):
    """A disk that is full."""

    def opened(*_, **__):
        raise OSError(28, "No space left on device")

    patch.setattr(os, "open", opened)


def read_only(patch, place):
    """A folder that cannot be written to, whoever asks."""

    def made(*_, **__):
        raise PermissionError(13, "Permission denied")

    patch.setattr(Path, "mkdir", made)


@pytest.mark.parametrize("obstacle", [no_folder, full, read_only])
def test_where_nothing_can_be_kept_a_plan_runs_as_without_and_is_packed_once(obstacle, folder, monkeypatch):
    expected = trained()
    for file in files(folder):
        file.unlink()
    monkeypatch.setenv("FLOWGRAPH_CACHE", str(folder.parent / "other"))
    place = folder.parent / "other" / "plans"
    with monkeypatch.context() as patch:
        obstacle(patch, place)
        made = compiled(patch)
        assert [trained(), trained()] == [expected, expected]
        assert len(made) == 1, "what was refused is not tried again"
    assert files(place) == []


def test_a_user_without_a_home_compiles_each_time(folder, monkeypatch):
    expected = trained()
    for name in ("FLOWGRAPH_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    assert kept.folder() is None
    assert trained() == expected


def test_what_is_not_installed_any_more_is_compiled_again(folder, monkeypatch):
    expected = trained()
    made = compiled(monkeypatch)

    def missing(name):
        raise ImportError(name)

    with monkeypatch.context() as patch:
        patch.setattr(kept, "_named", missing)
        assert trained() == expected
    assert len(made) == 1


def test_off_keeps_nothing_of_numpy_or_numba(folder, monkeypatch):
    monkeypatch.setenv("FLOWGRAPH_CACHE", "off")
    monkeypatch.chdir(folder.parent.parent)
    trained()
    assert compiling.file_of("# a kernel") is None
    assert [path for path in folder.parent.parent.rglob("*") if path.is_file()] == []


def test_ten_processes_share_a_folder_and_lose_nothing(folder):
    if not hasattr(os, "fork"):
        pytest.skip("no fork")
    expected = trained()
    for file in files(folder):
        file.unlink()
    children = []
    for number in range(10):
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                code = int([trained(), trained(float(number)), trained()][::2] != [expected] * 2)
            finally:
                os._exit(code)
        children.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 10
    assert [len(file.name) for file in files(folder)] == [64], "one file, and none that is not whole"
    assert trained() == expected


def test_a_rule_of_a_user_keeps_plans_from_the_disk(folder, monkeypatch):
    monkeypatch.setattr(rules.FILLS, "by_class", dict(rules.FILLS.by_class))
    rules.rule_for(fg.Tanh)(lambda box, names, out: [f"tanh({names[0]}, {out})"])
    assert Rules.of_others
    trained()
    assert files(folder) == []


def test_old_files_make_room(folder, monkeypatch):
    monkeypatch.setattr(kept, "LARGEST", 10)
    folder.mkdir(parents=True)
    for number in range(6):
        (folder / f"{number}").write_bytes(b"1234")
        os.utime(folder / f"{number}", (number, number))
    kept._make_room(folder)
    assert [file.name for file in files(folder)] == ["5"]
