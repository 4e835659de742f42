"""The number of the tree: what is drawn follows from it alone, and without it no test runs."""

import os
import subprocess
import sys

import pytest

from tests import draws, seed
from tests.seed import MOST, SeedError, seed_from, seed_of_tree


@pytest.fixture
def no_seed_asked(monkeypatch):
    """The file alone says the seed."""
    monkeypatch.delenv("FLOWGRAPH_SEED", raising=False)
    seed_of_tree.cache_clear()
    yield
    seed_of_tree.cache_clear()


def digest_in_another_process(hashes):
    """What `python -m tests.draws` prints where the order of sets is another."""
    environment = os.environ | {"PYTHONHASHSEED": hashes}
    command = [sys.executable, "-m", "tests.draws"]
    done = subprocess.run(command, cwd=draws.ROOT, env=environment, check=True, capture_output=True, text=True)
    return done.stdout.splitlines()


def test_one_seed_draws_the_same_in_each_process_and_another_seed_other_inputs_of_each_kind(capsys):
    here = draws.digests(seed_of_tree())
    lines = digest_in_another_process("1")
    with capsys.disabled():
        print(f"\ndigest of what is drawn: {lines[-1].split(maxsplit=1)[1]}", file=sys.stderr)
    assert lines == digest_in_another_process("2")
    assert dict(line.split() for line in lines[:-1]) == here
    other = draws.digests((seed_of_tree() + 1) % MOST)
    assert all(here[kind] != other[kind] for kind in draws.KINDS)


@pytest.mark.parametrize("text", ["0", " 7\n", str(MOST)])
def test_a_seed_is_one_whole_number(text):
    assert seed_from(text, "here") == int(text)


@pytest.mark.parametrize("text", ["", "seven", "-1", "1.0", "1 2", "²", str(MOST + 1), "0x7", "9" * 5000, "\x00"])
def test_no_other_text_is_a_seed(text):
    with pytest.raises(SeedError, match=r"^here: found .{0,50}, needs one whole number .*make reseed") as told:
        seed_from(text, "here")
    assert len(str(told.value)) < 200


@pytest.mark.parametrize("content", [None, b"", b"seven\n", b"\xff\xfe"])
def test_without_its_number_no_test_runs_and_one_line_says_so(content, tmp_path, no_seed_asked, monkeypatch):
    monkeypatch.setattr(seed, "FILE", tmp_path / "seed.txt")
    if content is not None:
        seed.FILE.write_bytes(content)
    with pytest.raises(SeedError, match=r"tests/seed\.txt: .*make reseed"):
        seed_of_tree()


def test_a_broken_seed_ends_pytest_before_any_test():
    command = [sys.executable, "-m", "pytest", "tests/test_seed.py", "-p", "no:cacheprovider"]
    environment = os.environ | {"FLOWGRAPH_SEED": "seven"}
    done = subprocess.run(command, cwd=draws.ROOT, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert done.stdout == ""
    assert done.stderr.count("\n") <= 2
    assert "FLOWGRAPH_SEED: found 'seven', needs one whole number" in done.stderr
