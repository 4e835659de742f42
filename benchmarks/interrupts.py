"""Interrupts at random microseconds, and trainings that are killed and resumed: is anything torn, lost or left behind?

    python -m benchmarks interrupts                                   2,100 interrupts and 400 kills, an hour
    python -m benchmarks interrupts --interrupts 100 --kills 5 --searches 5 --seed 7
    python -m benchmarks interrupts --only fit,save --kills 0 --searches 0

A KeyboardInterrupt is raised at random moments of one kind of work after the other, each in a process of its own. After
each one parameters, files, locks and the state of the process are looked at, and what follows gives the same bits. A
training is killed by SIGKILL at random moments and resumed by another process with another number of threads of BLAS;
it ends with the bits of one that was never killed, and a search, by each sampler, in a file of SQLite and on a server
of PostgreSQL, with the same trials. Prints a table; exit code 1 if
anything was torn.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import flowgraph as fg
from flowgraph.search.sampling import SAMPLERS
from flowgraph.starting import is_interrupt

ROOT = Path(__file__).resolve().parents[1]
THREADS = ("1", "2", "4")
"""Of BLAS. Pieces of a batch (FLOWGRAPH_THREADS) are summed one by one: another number of them rounds otherwise."""
Work = Callable[[], Any]


class TornError(AssertionError):
    """What an interrupt must not leave behind."""


def need(holds: bool, text: str) -> None:
    """Refuse what is torn; unlike `assert` under every option of Python."""
    if not holds:
        raise TornError(text)


def bits(arrays: Iterable[Any]) -> str:
    """What is equal only for the same bits."""
    total = hashlib.sha256()
    for array in arrays:
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()


def data(rows: int = 96) -> tuple[Any, Any]:
    """Examples of three classes, the same in every process."""
    rng = np.random.default_rng(3)
    X = rng.standard_normal((rows, 8))
    return X, (X[:, 0] * 2).astype(int) % 3


def network() -> tuple[Any, Any, Any, Any]:
    """Inputs, loss and parameters of a small network, the same in every process."""
    x, y = fg.Input("x", shape=("N", 8)), fg.Input("y", shape=("N",), dtype=int)
    h: Any = x
    for number, (rows, columns) in enumerate([(8, 16), (16, 16), (16, 3)]):
        h = np.tanh(h) if number else h
        w = fg.Parameter(fg.glorot_uniform(rows, columns, rng=number), name=f"W{number}")
        h = h @ w + fg.Parameter(np.zeros(columns), name=f"b{number}")
    loss = fg.mean(fg.SoftmaxCrossEntropy(h, y))
    return x, y, loss, fg.Graph(loss).parameters


# Each kind of work: what is interrupted, and what must hold afterwards, however far it came.


def fprop(folder: Path) -> tuple[Work, Work]:
    """The forward pass of a graph, and the update of a run."""
    X, y = data()
    _, _, loss, parameters = network()
    graph = fg.Graph(loss)
    kept = graph.fprop(x=X, y=y)
    other = {parameters[0]: parameters[0].value * 2}

    def work() -> Any:
        return [graph.fprop(x=X, y=y)[box] for box in graph.boxes], kept.update(other)[loss]

    def answer() -> str:
        first, second = work()
        return bits([*first, second, kept[loss], *(p.value for p in parameters)])

    return work, _the_same(answer)


def bprop(folder: Path) -> tuple[Work, Work]:
    """The backward pass of one run, again and again."""
    X, y = data()
    _, _, loss, parameters = network()
    graph = fg.Graph(loss)
    run = graph.fprop(x=X, y=y)

    def work() -> Any:
        grads = run.bprop(keep="all")
        return [grads[box] for box in parameters]

    return work, _the_same(lambda: bits([*work(), *(run[box] for box in graph.boxes)]))


def _the_same(answer: Callable[[], str]) -> Work:
    expected = answer()

    def check() -> None:
        need(answer() == expected, "other bits than before the interrupt")

    return check


def plan_of(backend: Any, threads: int | None = None) -> Callable[[Path], tuple[Work, Work]]:
    """Training steps of a plan: all parameters are updated, or none, and the next step goes on from there."""

    def begin(folder: Path) -> tuple[Work, Work]:
        X, y = data()
        _, _, loss, parameters = network()
        grads = fg.gradient(loss, list(parameters))
        updates = {p: p - 0.1 * grad for p, grad in zip(parameters, grads, strict=True)}
        step = fg.compile(loss, updates=updates, backend=backend, threads=threads)
        start = [np.array(p.value) for p in parameters]
        states: dict[str, int] = {}
        many = 400

        def again() -> None:
            for parameter, value in zip(parameters, start, strict=True):
                parameter.value = value

        def state() -> str:
            return bits(p.value for p in parameters)

        losses = []
        for number in range(many):
            states[state()] = number
            losses.append(bits([step(x=X, y=y)]))
        again()

        def work() -> None:
            for _ in range(8):
                step(x=X, y=y)

        def check() -> None:
            number = states.get(state())
            need(number is not None, "parameters that are those after no number of steps: some updated, some not")
            need(bits([step(x=X, y=y)]) == losses[number or 0], "the step after the interrupt gives another loss")
            if number is None or number > many - 40:
                again()

        return work, check

    return begin


def compiling(folder: Path) -> tuple[Work, Work]:
    """Plans of new graphs, made and called once."""
    X, y = data()

    def work() -> Any:
        x, labels, loss, parameters = network()
        return fg.compile([loss, *fg.gradient(loss, list(parameters))], inputs=[x, labels])(X, y)

    return work, _the_same(lambda: bits(work()))


def fit(folder: Path) -> tuple[Work, Work]:
    """A training with a checkpoint: the model has the parameters of a whole step, and is trained on to the same end."""
    from flowgraph.training import Checkpoint, load_checkpoint

    X, y = data()
    path = folder / "checkpoint.safetensors"
    settings: dict[str, Any] = {"checks": False, "progress": False, "seed": 4}
    known: set[str] = set()

    def model() -> Any:
        return fg.MLP([8, 16, 3], rng=0)

    def state(mlp: Any) -> str:
        return bits(values_of(mlp))

    def train(mlp: Any, callbacks: Any, resume: Any = None) -> Any:
        return fg.fit(mlp, (X[:64], y[:64]), (X[64:], y[64:]), epochs=4, callbacks=callbacks, resume=resume, **settings)

    class Noting(fg.training.Callback):
        """Notes the parameters after each step."""

        def on_step(self, trainer: Any) -> None:
            """Note them."""
            known.add(state(whole))

    whole = model()
    known.add(state(whole))
    train(whole, [Noting()])
    end = state(whole)
    known.add(end)
    trained: list[Any] = []

    def work() -> None:
        trained[:] = [model()]
        train(trained[0], [Checkpoint(path, seconds=0)])

    def check() -> None:
        need(not trained or state(trained[0]) in known, "the model has parameters that are those after no step")
        need(not path.with_name(f"{path.name}.lock").exists(), "the lock of the checkpoint is left")
        mlp = model()
        train(mlp, [Checkpoint(path, seconds=0)], load_checkpoint(path) if path.exists() else None)
        need(state(mlp) == end, "the resumed training ends with other bits")
        path.unlink(missing_ok=True)

    return work, check


def values_of(mlp: Any) -> list[Any]:
    """The values of its parameters."""
    return [p.value for p in (*mlp.weights, *mlp.biases)]


def saving(folder: Path) -> tuple[Work, Work]:
    """A graph that is written over another one in turn: the file is always one of the two."""
    path = folder / "net.safetensors"
    graphs = [fg.Graph(network()[2]) for _ in range(2)]
    graphs[1].parameters[0].value = graphs[1].parameters[0].value + 1
    contents = {fg.save(path, graph).read_bytes() for graph in graphs}

    def work() -> None:
        for graph in graphs:
            fg.save(path, graph)

    def check() -> None:
        need(path.read_bytes() in contents, "the file is neither the old nor the new one")

    return work, check


def loading(folder: Path) -> tuple[Work, Work]:
    """A graph that is read, as a file of flowgraph's own and as ONNX."""
    X, y = data()
    graph = fg.Graph(network()[2])
    paths = [fg.save(folder / f"net.{kind}", graph) for kind in ("safetensors", "onnx")]

    def work() -> Any:
        return [fg.load(path) for path in paths]

    return work, _the_same(lambda: bits(one.fprop(x=X, y=y)[one.outputs[0]] for one in work()))


def rendering(folder: Path) -> tuple[Work, Work]:
    """A picture and a page of a graph, written over the old ones."""
    graph = fg.Graph(network()[2])
    paths = [folder / "net.svg", folder / "net.html"]

    def work() -> None:
        for path in paths:
            graph.render(path, engine="builtin")

    work()
    contents = [path.read_bytes() for path in paths]

    def check() -> None:
        for path, content in zip(paths, contents, strict=True):
            need(path.read_bytes() == content, f"{path.name} is not whole")

    return work, check


def searching(folder: Path) -> tuple[Work, Work]:
    """A search in a database, which the next call carries on and ends with all points of its grid."""
    from flowgraph.search import Uniform, search

    numbers = iter(range(10**9))
    storage = [folder / "study-0.db"]

    def run() -> Any:
        space = {"a": Uniform(0.0, 1.0, points=4)}
        return search(lambda s, _: (s["a"] - 0.4) ** 2, space, sampler="grid", storage=str(storage[0]))

    def work() -> None:
        storage[0] = folder / f"study-{next(numbers)}.db"
        run()

    def check() -> None:
        result = run()
        done = sorted(trial.settings["a"] for trial in result.trials if trial.state == "complete")
        need(sorted(set(done)) == [0.0, 1 / 3, 2 / 3, 1.0], f"the search carried on has the points {done}")
        left = [path.name for path in folder.iterdir() if "lock" in path.name]
        need(not left, f"locks are left: {left}")

    return work, check


WORKS: dict[str, tuple[Callable[[Path], tuple[Work, Work]], float]] = {
    "fprop": (fprop, 1), "bprop": (bprop, 1), "compile": (compiling, 1), "plan numpy": (plan_of("numpy"), 1),
    "plan numpy in pieces": (plan_of("numpy", 2), 1), "plan numba": (plan_of("numba"), 1),
    "plan numba in pieces": (plan_of("numba", 2), 1), "plan jax": (plan_of("jax"), 1),
    "plan javascript": (plan_of("javascript"), 1), "fit": (fit, 1), "save": (saving, 1), "load": (loading, 1),
    "render": (rendering, 1), "search": (searching, 1),
}  # fmt: skip
"""What is interrupted, and its share of the interrupts."""


# The process of one kind of work.


class Alarm:
    """A KeyboardInterrupt at a moment of a piece of work, and only there."""

    def __init__(self) -> None:
        self.armed = False
        self.lost = 0
        signal.signal(signal.SIGALRM, self._ring)
        sys.unraisablehook = self._swallowed

    def _ring(self, number: int, frame: Any) -> None:
        if self.armed:
            self.armed = False
            raise KeyboardInterrupt

    def _swallowed(self, what: Any) -> None:
        self.lost += issubclass(what.exc_type, KeyboardInterrupt)

    def interrupts(self, work: Work, seconds: float) -> bool:
        """Whether the work was interrupted after so many seconds; False where it came to its end before.

        Python swallows an interrupt in a destructor, such as that of a connection of a database, whose next call then
        fails.
        """
        lost = self.lost
        try:
            self.armed = True
            signal.setitimer(signal.ITIMER_REAL, seconds)
            work()
            self.armed = False
        except BaseException as error:
            self.armed = False
            if not is_interrupt(error) and self.lost == lost:
                raise
            return True
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        return False


def state_of_process() -> dict[str, Any]:
    """What a piece of work must not change for the process around it."""
    return {
        "np.errstate": np.geterr(), "scope": fg.Input("x").name, "SIGINT": signal.getsignal(signal.SIGINT),
        "threads of BLAS": os.environ.get("OPENBLAS_NUM_THREADS"), "recursion limit": sys.getrecursionlimit(),
        "threads that its end waits for": [one.name for one in threading.enumerate() if not one.daemon],
    }  # fmt: skip


def one_kind(name: str, count: int, seed: int) -> None:
    """Interrupt one kind of work so many times, and print what came of it."""
    rng = random.Random(f"{name} {seed}")
    warnings.simplefilter("ignore")
    with a_folder() as folder:
        work, check = WORKS[name][0](folder)
        before = state_of_process()
        times = []
        for _ in range(3):
            start = time.perf_counter()
            work()
            times.append(time.perf_counter() - start)
            check()
        alarm, caught = Alarm(), 0
        while caught < count:
            moment = rng.uniform(1e-6, sorted(times)[1])
            caught += alarm.interrupts(work, moment)
            try:
                check()
                need(state_of_process() == before, f"the process has {state_of_process()}, needs {before}")
            except Exception as error:
                sys.exit(f"{name}, interrupt {caught} after {1e6 * moment:.0f} us: {type(error).__name__}: {error}")
        left = sum(path.suffix == ".part" for path in folder.iterdir())
    print(f"{name:<24}{caught:>8,} interrupts{alarm.lost:>6} swallowed{left:>6} temporary files left", flush=True)


# Trainings and searches that are killed. Each prints that it begins, and at its end a word for what it found.

TRAINING = """
import os, sys
import numpy as np
import flowgraph as fg
from benchmarks.interrupts import bits, data, values_of
from flowgraph.training import Checkpoint, load_checkpoint
path = sys.argv[1]
X, y = data()
mlp = fg.MLP([8, 16, 3], rng=0)
resume = load_checkpoint(path) if os.path.exists(path) else None
print("begins", flush=True)
fg.fit(mlp, (X[:64], y[:64]), (X[64:], y[64:]), epochs=40, l2=1e-3, checks=False, progress=False, resume=resume,
       callbacks=[Checkpoint(path, seconds=0)])
print(bits(values_of(mlp)), flush=True)
"""

SEARCH = """
import sqlite3, sys
from contextlib import closing
from pathlib import Path
from flowgraph.search import Choice, LogUniform, Uniform, Whole, search
path, sampler, pruner = sys.argv[1].split(" ")
space = {"a": Uniform(0.0, 1.0, points=5), "b": LogUniform(0.01, 1.0, points=2), "c": Choice(["x", "y"])}
if sampler != "grid":
    space["d"] = Whole(1, 9)
def train(settings, attempt):
    best = (settings["a"] - 0.4) ** 2 + settings["b"] + 0.1 * (settings["c"] == "x")
    for step in range(1, 13):
        if attempt.report(step, best + settings["a"] / step):
            break
    return best
print("begins", flush=True)
found = search(train, space, sampler=sampler, pruner=pruner, trials=14, refine=1, storage=path)
trials = [(trial.number, trial.round, trial.state, trial.value, *trial.settings.values()) for trial in found.trials]
left = whole = ""
if "://" not in path:
    with closing(sqlite3.connect(path)) as database:
        whole, = database.execute("PRAGMA integrity_check").fetchone()
        running, = database.execute("SELECT count(*) FROM trials WHERE state IN ('RUNNING', 'WAITING')").fetchone()
    left = running or [one.name for one in Path(path).parent.glob(f"{Path(path).name}*") if one != Path(path)]
print(f"{whole},{left},{trials}".replace(" ", ""), flush=True)
"""
"""It ends with the trials of one that was never killed, the database is whole, and nothing lies beside it."""


def _begun(script: str, path: object, threads: str) -> subprocess.Popen[str]:
    """A process that has begun."""
    bare = {key: value for key, value in os.environ.items() if not key.startswith("COV")}
    environment = bare | {"OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", script, str(path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd=ROOT,
    )  # fmt: skip
    assert process.stdout is not None
    if process.stdout.readline() != "begins\n":
        raise TornError(f"what was killed fails when it is resumed:\n{process.communicate()[1][-2000:]}")
    return process


def _ended(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate()
    need(process.returncode == 0, f"what was killed fails when it is resumed:\n{err[-2000:]}")
    return out.split()[-1]


def killed(what: str, script: str, place: Callable[[str], object], count: int, seed: int, each: int = 10) -> bool:
    """Kill processes so many times in all, `each` piece of work so many times; whether all ended as one never killed.

    `place` is where the piece of work of a name is kept.
    """
    rng = random.Random(f"{what} {seed}")
    start = time.perf_counter()
    process = _begun(script, place("whole"), "1")
    whole_began = time.perf_counter()
    expected = _ended(process)
    took = time.perf_counter() - whole_began
    kills = pieces = early = 0
    others: list[str] = []
    while kills < count:
        for _ in range(min(each, count - kills)):
            process = _begun(script, place(f"killed-{pieces}"), rng.choice(THREADS))
            time.sleep(rng.uniform(0, took / each * 2))
            early += process.poll() is None
            process.kill()
            process.communicate()
            kills += 1
        found = _ended(_begun(script, place(f"killed-{pieces}"), rng.choice(THREADS)))
        if found != expected:
            others.append(found)
        pieces += 1
    print(
        f"{f'kill -9 of a {what}':<40}{kills:>6,} kills of {pieces}, {early} before their end; {len(others)} ended "
        f"otherwise than one that was not killed ({time.perf_counter() - start:.0f} s)",
        flush=True,
    )
    if others:
        print(f"needs {expected}\nfound {others[0]}", file=sys.stderr, flush=True)
    return not others


def kill_searches(count: int, seed: int) -> Iterator[bool]:
    """Kill searches by each sampler, with each pruner, in files and, where PostgreSQL is installed, on a server."""
    from tests.search import postgresql

    kinds = [(sampler, pruner) for sampler in SAMPLERS for pruner in ("median", "hyperband")]
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(a_folder())
        places: dict[str, Callable[[str], object]] = {"SQLite": lambda name: f"{folder}/{name}.db"}
        why = postgresql.why_not()
        if why:
            print(why, flush=True)
        else:
            home = stack.enter_context(tempfile.TemporaryDirectory())
            server, stop = postgresql.started(Path(home))
            stack.callback(stop)
            there: set[str] = set()

            def database_of(name: str) -> str:
                if name not in there:
                    server.add(name)
                there.add(name)
                return str(server.url(database=name))

            places["PostgreSQL"] = database_of
        rows = [(database, *kind) for database in places for kind in kinds]
        random.Random(seed).shuffle(rows)
        for number, (database, sampler, pruner) in enumerate(rows[:count]):
            each = count // len(rows) + (number < count % len(rows))

            def named(name: str, place: Any = places[database], kind: tuple[str, str] = (sampler, pruner)) -> str:
                return " ".join([place(f"{name}-{'-'.join(kind)}"), *kind])

            yield killed(f"search, {sampler}, {pruner}, {database}", SEARCH, named, each, seed, min(each, 4))


@contextlib.contextmanager
def a_folder() -> Iterator[Path]:
    """A folder for what is written, in memory where the system has such: a disk would take most of the time."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None) as folder:
        yield Path(folder)


def main() -> None:
    """Read the options; interrupt, kill, and print the table."""
    from tests.seed import random_seed

    parser = argparse.ArgumentParser(prog="python -m benchmarks interrupts", description=__doc__.splitlines()[0])
    parser.add_argument("--interrupts", type=int, default=2100, help="KeyboardInterrupts in all")
    parser.add_argument("--kills", type=int, default=200, help="trainings that are killed")
    parser.add_argument("--searches", type=int, default=200, help="searches that are killed")
    parser.add_argument("--only", help=f"some of: {', '.join(WORKS)}")
    parser.add_argument("--seed", default="random", help="a number, or random")
    parser.add_argument("--one-kind", help=argparse.SUPPRESS)
    given = parser.parse_args([one for one in sys.argv[1:] if one != "interrupts"])
    seed = random_seed() if given.seed == "random" else int(given.seed)
    if given.one_kind:
        one_kind(given.one_kind, given.interrupts, seed)
        return
    names = given.only.split(",") if given.only else list(WORKS)
    print(f"seed {seed}", flush=True)
    failed = [name for name, count in _shares(names, given.interrupts) if not _in_own_process(name, count, seed)]
    with a_folder() as folder:
        if given.kills and not killed("training", TRAINING, lambda name: folder / name, given.kills, seed):
            failed.append("training that is killed")
    if given.searches and not all(list(kill_searches(given.searches, seed))):
        failed.append("search that is killed")
    if failed:
        sys.exit(f"torn: {', '.join(failed)}")


def _shares(names: list[str], count: int) -> Iterator[tuple[str, int]]:
    total = sum(WORKS[name][1] for name in names)
    for name in names:
        yield name, max(1, round(count * WORKS[name][1] / total))


def _in_own_process(name: str, count: int, seed: int) -> bool:
    """Whether nothing was torn; without coverage, whose own lock an interrupt could leave taken for good."""
    bare = {key: value for key, value in os.environ.items() if not key.startswith("COV")}
    command = [sys.executable, "-m", "benchmarks", "interrupts", "--one-kind", name, "--interrupts", str(count)]
    command += ["--seed", str(seed)]
    ran = subprocess.run(command, check=False, cwd=ROOT, env=bare, text=True, capture_output=True)
    with contextlib.suppress(StopIteration):
        print(next(line for line in ran.stdout.splitlines() if line.startswith(name)), flush=True)
    if ran.returncode:
        print(ran.stderr[-3000:], file=sys.stderr, flush=True)
    return ran.returncode == 0
