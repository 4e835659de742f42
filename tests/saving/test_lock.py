"""A lock: one holder at a time, whoever comes second is told who; that of a killed process is removed, with a word."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import warnings

import numpy as np
import pytest

import flowgraph as fg
from flowgraph.errors import InUseError
from flowgraph.saving import lock as module
from flowgraph.saving.lock import Lock
from flowgraph.training import Checkpoint

HOLDER = """
import sys, time
from flowgraph.saving.lock import Lock
with Lock(sys.argv[1], "run"):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "running.lock"


@pytest.fixture
def holder(path):
    """Another process that holds the lock."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_the_second_is_told_who_holds_it(path, holder):
    with pytest.raises(
        InUseError, match=rf"run: process {holder.pid} writes it since 20..-.*stop it, or choose another"
    ):
        Lock(path, "run").acquire()
    assert json.loads(path.read_text())["pid"] == holder.pid


def test_in_one_process_too(path):
    with Lock(path, "run"):
        with pytest.raises(InUseError, match="run: this process writes it since"):
            Lock(path, "run").acquire()
        assert path.exists()
    assert list(path.parent.iterdir()) == []


def test_it_is_released_by_errors_and_interrupts(path):
    for error in (ValueError, KeyboardInterrupt, SystemExit):
        with pytest.raises(error), Lock(path, "run"):
            raise error
        assert list(path.parent.iterdir()) == []


def test_a_killed_holder_is_noticed_and_said(path, holder):
    holder.kill()
    holder.wait()
    assert path.exists()
    lock = Lock(path, "run")
    with pytest.warns(
        UserWarning, match=rf"run: process {holder.pid}, which wrote it, was killed; its lock was removed"
    ):
        lock.acquire()
    assert json.loads(path.read_text())["pid"] == os.getpid()
    lock.release()
    assert list(path.parent.iterdir()) == []


def test_a_process_that_nobody_has_waited_for_has_ended(path, holder):
    os.kill(holder.pid, signal.SIGKILL)
    for _ in range(500):
        if module.has_ended(json.loads(path.read_text())):
            break
        time.sleep(0.01)
    assert module.has_ended(json.loads(path.read_text()))


def test_another_process_of_the_same_number_does_not_keep_it(path):
    Lock(path, "run").acquire()
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"born": "1"}))
    lock = Lock(path, "run")
    with pytest.warns(UserWarning, match="was killed; its lock was removed"):
        lock.acquire()
    lock.release()


@pytest.mark.parametrize("change", [{"host": "elsewhere"}, {"machine": "0123"}, {"processes": "pid:[1]"}])
def test_the_lock_of_another_machine_is_respected_with_the_way_out(path, change):
    Lock(path, "run").acquire()
    record = json.loads(path.read_text()) | {"pid": 1 << 30} | change
    path.write_text(json.dumps(record))
    with pytest.raises(
        InUseError, match=rf"run: process {1 << 30} on {record['host']} writes it .*delete .*running.lock"
    ):
        Lock(path, "run").acquire()
    path.unlink()
    with Lock(path, "run"):
        pass


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"pid": "x"}', '{"pid": -1}', '{"pid": 1e999}', "[" * 100_000, "\x00"]
)
def test_a_lock_that_says_nothing_is_respected(path, text):
    path.write_text(text)
    with pytest.raises(InUseError, match=r"delete .*running.lock"):
        Lock(path, "run").acquire()
    assert path.read_text() == text


def test_what_is_no_lock_of_its_own_is_left(path):
    lock = Lock(path, "run")
    lock.acquire()
    path.write_text("of another")
    lock.release()
    assert path.read_text() == "of another"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_process_leaves_the_lock_to_its_parent(path):
    lock = Lock(path, "run")
    lock.acquire()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        child = os.fork()
    if not child:
        lock.release()
        os._exit(0)
    os.waitpid(child, 0)
    assert path.exists()
    lock.release()


def test_waiting(path, monkeypatch):
    monkeypatch.setattr(module, "WAIT", 0.01)
    first, second, told = Lock(path, "run"), Lock(path, "run"), []
    first.acquire()
    thread = threading.Thread(target=lambda: second.acquire(told.append))
    thread.start()
    while not told:
        time.sleep(0.001)
    first.release()
    thread.join()
    assert path.exists()
    assert len(told) == 1
    assert told[0].startswith("run: this process writes it since")
    second.release()


RACE = """
import os, sys, warnings
from flowgraph.errors import InUseError
from flowgraph.saving.lock import Lock
warnings.simplefilter("ignore")
path, inside = sys.argv[1:]
sys.stdin.read(1)
for _ in range(30):
    lock = Lock(path, "run")
    try:
        lock.acquire(lambda text: None)
        os.close(os.open(inside, os.O_CREAT | os.O_EXCL))
        os.unlink(inside)
        stale = os.urandom(1)[0] < 60
        if stale:  # as if killed: the lock of a process that is gone
            record = open(path).read().replace(f'"pid": {os.getpid()}', '"pid": 2147483646')
            open(path + "~", "w").write(record)
            os.replace(path + "~", path)
        lock.release()
    except FileExistsError:
        sys.exit("two held it")
"""


def test_many_processes_and_killed_ones_hold_it_one_at_a_time(path, monkeypatch):
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    code = RACE.replace("import os, sys", "import flowgraph.saving.lock as m; m.WAIT = 0.001; import os, sys", 1)
    command = [sys.executable, "-c", code, str(path), str(path) + ".inside"]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, env=environment, text=True) for _ in range(4)]
    for process in processes:
        process.stdin.write("x")
        process.stdin.close()
    assert [process.wait(timeout=600) for process in processes] == [0] * 4


def test_two_trainings_do_not_share_a_checkpoint(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    data, settings = (np.eye(3), np.arange(3)), {"checks": False, "progress": False}
    refusals = []

    def another(trainer, epoch):
        before = {one.name for one in tmp_path.iterdir()}
        with pytest.raises(InUseError, match=r"checkpoint.safetensors: this process writes it") as caught:
            fg.fit(fg.MLP([3, 3], rng=1), data, epochs=1, callbacks=[Checkpoint(path)], **settings)
        refusals.append(str(caught.value))
        assert {one.name for one in tmp_path.iterdir()} == before

    fg.fit(fg.MLP([3, 3], rng=0), data, epochs=2, callbacks=[Checkpoint(path), another], **settings)
    assert len(refusals) == 2
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    fg.fit(fg.MLP([3, 3], rng=0), data, epochs=1, callbacks=[Checkpoint(path)], **settings)


def test_a_process_that_was_killed_while_it_removed_a_lock_keeps_nobody_from_it(path):
    """Killed between its claim and the removal, twice: the next ones were refused, and told to delete both."""
    killed = (
        "import os, signal, sys; from flowgraph.saving.lock import Lock; from pathlib import Path; real = Path.unlink; "
        "end = lambda: os.kill(os.getpid(), signal.SIGKILL); "
        "Path.unlink = lambda path, missing_ok=False: end() if str(path) == sys.argv[1] else real(path, missing_ok); "
        "Lock(sys.argv[1], 'run').acquire(); end()"
    )
    for _ in range(3):
        ended = subprocess.run([sys.executable, "-W", "ignore", "-c", killed, str(path)], check=False)
        assert ended.returncode == -signal.SIGKILL
    assert path.with_name(f"{path.name}.claim").exists()
    with pytest.warns(UserWarning, match="was killed; its lock was removed"), Lock(path, "run"):
        pass
    assert not list(path.parent.glob(f"{path.name}*"))
