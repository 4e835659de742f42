"""Searches in a database on a server: exactly the trials asked for, no password anywhere, one clear error."""

import gc
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from flowgraph.cli import main
from flowgraph.peers import install_command
from flowgraph.search import Uniform, search
from flowgraph.search.database import StorageError, check_storage, url_of
from tests.search import postgresql

BOWL = {"a": Uniform(-1.0, 1.0)}

SHARED = """
import sys, time, warnings
warnings.simplefilter("ignore")
from flowgraph.search import Uniform, search
def train(settings, attempt):
    time.sleep(0.02)
    return settings["a"] ** 2
result = search(train, {"a": Uniform(-1.0, 1.0)}, trials=12, sampler="random", storage=sys.argv[1], name=sys.argv[2])
print(len(result.trials))
"""


def bowl(settings, attempt):
    return settings["a"] ** 2


@pytest.fixture(scope="module")
def server():
    why = postgresql.why_not()
    if why:
        pytest.skip(why)
    pytest.importorskip("psycopg", reason="psycopg is not installed (the extra postgresql)")
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are for their owner alone
        found, stop = postgresql.started(Path(folder))
        yield found
        stop()


@pytest.fixture(params=["postgresql", "sqlite"])
def storage(request, tmp_path):
    """A database of either kind."""
    return request.getfixturevalue("server").url() if request.param == "postgresql" else str(tmp_path / "study.db")


@pytest.mark.filterwarnings("ignore:Heartbeat of storage")
def test_processes_that_share_a_study_do_exactly_the_trials_asked_for(storage, request):
    name = request.node.name
    command = [sys.executable, "-c", SHARED, storage, name]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate(timeout=240)[0].strip() for process in both] == ["12"] * 3
    result = search(bowl, BOWL, trials=12, sampler="random", storage=storage, name=name)
    assert [trial.state for trial in result.trials] == ["complete"] * 12
    assert sorted(trial.number for trial in result.trials) == list(range(12)), "none was begun in vain"


@pytest.mark.filterwarnings("ignore:Heartbeat of storage")
def test_a_search_in_memory_and_one_on_a_server_try_the_same(server):
    there = search(bowl, BOWL, trials=4, sampler="tpe", storage=server.url(), name="same")
    assert [t.settings for t in there.trials] == [t.settings for t in search(bowl, BOWL, trials=4).trials]
    del there
    gc.collect()  # connections that were left open would be warned of


def test_the_password_is_written_nowhere(server, tmp_path):
    """Neither into the folder, the database's records, what is printed, nor what a second process is told."""
    data = tmp_path / "points.csv"
    data.write_text("x,y,kind\n" + "\n".join(f"{i % 7},{i % 5},{'ab'[i % 2]}" for i in range(60)))
    command = [
        sys.executable, "-m", "flowgraph", "search", str(data), "--target", "kind", "-s", "l2=log:1e-4..1e-2",
        "--trials", "3", "--epochs", "2", "--jobs", "2", "--storage", server.url(), "--name", "secret",
        "-o", str(tmp_path / "out"),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    written = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert any(path.name == "trials.csv" for path in written)
    for word in (postgresql.PASSWORD, postgresql.ESCAPED):
        assert word not in done.stdout + done.stderr
        assert not [path for path, content in written.items() if word.encode() in content]
    import psycopg

    with psycopg.connect(server.url()) as connection:
        rows = [str(row) for table in ("study_user_attributes", "trial_user_attributes")
                for row in connection.execute(f"SELECT * FROM {table}").fetchall()]  # fmt: skip
    assert rows
    assert not [row for row in rows if postgresql.PASSWORD in row or postgresql.ESCAPED in row]


SECRET = "hun:ter2"

WRONG = {
    "nobody listens": (f"postgresql://me:{SECRET}@127.0.0.1:1/x", "cannot be reached", "see that the server runs"),
    "no host": (f"postgresql://me:{SECRET}@no-such-host.invalid/x", "cannot be reached", "see that the server runs"),
    "a port that is none": (f"postgresql://me:{SECRET}@host:port/x", "cannot be read as a URL", "postgresql://user"),
    "one slash": (f"postgresql:/me:{SECRET}@host/x", "neither a file nor a URL", "a path such as study.db"),
    "unknown kind": (f"oracel://me:{SECRET}@host/x", "does not know", "the path of a SQLite file"),
    "no folder": ("sqlite:////no/such/folder/study.db", "cannot be reached", "leave the storage out"),
}


def texts_of(error):
    """All that a traceback could show of an error and its causes."""
    found = []
    while error is not None:
        found += [str(error), repr(error), *map(str, getattr(error, "__notes__", ()))]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "\n".join(found)


@pytest.mark.parametrize("what", WRONG)
def test_a_database_that_cannot_be_used_is_one_error_before_any_training(what, tmp_path):
    storage, problem, way_out = WRONG[what]
    with pytest.raises(StorageError) as caught:
        search(lambda settings, attempt: pytest.fail("trained"), BOWL, storage=storage)
    text = texts_of(caught.value)
    assert problem in text
    assert way_out in text
    assert SECRET not in text
    assert "hun" not in text


def test_a_wrong_password_or_database_is_said_without_it(server):
    for url, said in ((server.url("wr0ng-one"), "password authentication failed"), (server.url(database="no"), '"no"')):
        with pytest.raises(StorageError) as caught:
            check_storage(url)
        text = texts_of(caught.value)
        assert said in text
        assert "wr0ng-one" not in text
        assert postgresql.PASSWORD not in text


@pytest.mark.parametrize(("url", "driver"), [("postgresql://a@h/x", "psycopg"), ("mysql://a@h/x", "pymysql")])
def test_a_driver_that_is_missing_is_named_with_how_to_install_it(url, driver, monkeypatch):
    monkeypatch.setitem(sys.modules, driver, None)
    hint = f".*{re.escape(install_command('postgresql'))}" if driver == "psycopg" else "its package is pymysql on PyPI"
    with pytest.raises(StorageError, match=rf"needs the driver '{driver}', which is not installed; {hint}"):
        check_storage(url)


def test_a_search_that_cannot_reach_its_database_makes_no_folder(tmp_path):
    from click.testing import CliRunner

    out = tmp_path / "out"
    command = ["search", "digits", "-s", "l2=0.0|1e-4", "--storage", WRONG["nobody listens"][0], "-o", str(out)]
    done = CliRunner().invoke(main, command)
    assert done.exit_code == 3
    assert "cannot be reached" in done.output
    assert SECRET not in done.output
    assert not out.exists()


def test_urls_of_files_and_servers(tmp_path):
    assert url_of(tmp_path / "study.db").database == str(tmp_path / "study.db")
    assert url_of("postgresql://a:b%40c@h/x").drivername == "postgresql+psycopg"
    assert url_of("postgresql://a:b%40c@h/x").password == "b@c"
    assert url_of("postgresql+pg8000://h/x").drivername == "postgresql+pg8000", "a driver that is named stays"
    assert url_of(r"C:\study.db").get_backend_name() == "sqlite"
