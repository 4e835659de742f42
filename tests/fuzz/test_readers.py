"""Changed files of every kind: each is read and run once, or refused, at a bounded cost."""

import sys
import time

import pytest

from flowgraph.errors import DataError
from tests.fuzz.readers import MEGABYTES, NEEDED, READERS, SECONDS, Account, one_file, read_changed
from tests.seed import seed_of_tree

FILES = 200
"""Of each reader."""

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the memory of a process as Linux says it")


@pytest.mark.no_cover
@pytest.mark.parametrize("name", READERS)
def test_a_changed_file_is_read_and_run_or_refused_in_one_line_at_a_bounded_cost(name, tmp_path):
    for package in NEEDED.get(name, ()):
        pytest.importorskip(package)
    account = read_changed(name, seed_of_tree(), tmp_path, FILES)
    again = f"python -m benchmarks readers --only {name} --seed {seed_of_tree()}"
    assert not account.wrong, "\n".join([account.wrong[0], again])
    assert account.files == FILES


def test_what_costs_too_much_or_is_refused_in_no_line_is_told(tmp_path):
    """The measure itself: too slow, too large, a raw error, an error of two lines."""
    path = tmp_path / "one"
    path.write_bytes(b"1")

    def slow(_):
        end = time.process_time() + SECONDS + 0.1
        while time.process_time() < end:
            pass

    def large(_):
        return len(bytearray(int((MEGABYTES + 100) * 1e6)))

    def raw(_):
        raise KeyError("x")

    def long(_):
        raise DataError("x" * 2000)

    for read, told in ((slow, "s and"), (large, "MB for 1 bytes"), (raw, "KeyError"), (long, "in the words")):
        account = Account()
        one_file(READERS["csv"]._replace(read=read), path, account, "a file")
        assert any(told in wrong for wrong in account.wrong), (told, account)
