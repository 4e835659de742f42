"""A process that forks while its threads run plans: `python -m tests.plan.forked "two plans"`.

Each child says by its exit code whether it found whole values and could go on; one that hangs is ended by its alarm.
"""

import itertools
import os
import signal
import sys
import threading
import time
import traceback

import numpy as np

import flowgraph as fg
from flowgraph.plan.numpy import threads

CHILDREN = 12
PARAMETERS = [fg.Parameter(np.zeros(2000), name=name) for name in "abc"]
OTHER = fg.compile(np.tanh(fg.Input("x", shape=("N",))))


def adding(parameters):
    """A plan that adds 1 to parameters."""
    return fg.compile([], {p: p + 1 for p in parameters})


def go_on(plans):
    """Look at the values, call the plans, compile another."""
    first = PARAMETERS[0].value[0]
    assert all((p.value == first).all() for p in PARAMETERS), "some are updated and some are not"
    for plan in plans:
        plan()
    assert all((p.value == first + len(plans)).all() for p in PARAMETERS)
    adding(PARAMETERS[1:])()
    OTHER(x=np.zeros(50))
    threads.in_threads(lambda share: None, [range(1), range(1, 2)])
    PARAMETERS[0].value = np.zeros(2000)
    plans[0]()
    assert (PARAMETERS[0].value == 1.0).all()


def child_of(plans):
    """The exit status of a child that goes on with the plans."""
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1]
    signal.alarm(5)
    code = 1
    try:
        go_on(plans)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def busy(what, plans):
    """What the threads do until the process ends."""
    sizes = itertools.cycle(range(1, 40))
    works = {
        "one plan": [plans[0]],
        "two plans": plans,
        "compiling": [lambda: OTHER(x=np.zeros(next(sizes)))] * 2,
        "reading": [plans[0], lambda: [p.value for p in PARAMETERS]],
    }
    return works[what]


def for_ever(work):
    while True:
        work()


def forking(what):
    """Fork again and again."""
    plans = [adding(PARAMETERS), adding(PARAMETERS[::-1])]
    plans[0]()
    for work in busy(what, plans):
        threading.Thread(target=for_ever, args=(work,), daemon=True).start()
    found = []
    for number in range(CHILDREN):
        time.sleep(0.001 * (number % 3))
        found.append(child_of(plans))
    print(f"{found.count(0)} children went on")


class Forks(fg.Elementwise):
    """The value itself; forks on the way, and keeps who the child is."""

    children_of: object = None

    def fprop(self, a):
        a = np.asarray(a)
        self.children_of.append(os.fork())
        return a + 0

    def infer(self, a):
        return a


def fork_in_a_step():
    """Fork in a fprop: the child too is in the step, ends it and makes another one."""
    w = fg.Parameter(0.0, name="w")
    forks = []
    step, again = fg.compile([], {w: Forks(w, children_of=forks) + 1}), fg.compile([], {w: w + 1})
    step()
    again()
    if not forks[0]:
        print(f"child {w.value},", end=" ", flush=True)
        os._exit(0)
    os.waitpid(forks[0], 0)
    print(f"parent {w.value}")


if __name__ == "__main__":
    what = sys.argv[1]
    if what == "in a step":
        fork_in_a_step()
    else:
        forking(what)
        os._exit(0)
