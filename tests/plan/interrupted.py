"""A process of its own whose steps are interrupted at many instants: `python -m tests.plan.interrupted numpy`.

Coverage keeps a lock while it notes a line; an interruption there would leave the lock taken for good, so that the
process that is measured is not the one that is interrupted.
"""

import signal
import sys

import numpy as np

import flowgraph as fg


def main(backend):
    """Print how many of the interruptions were met; fail if some parameters were updated and some not."""
    parameters = [fg.Parameter(np.zeros(3), name=f"p{i}") for i in range(40)]
    step = fg.compile([], updates={p: p + 1 for p in parameters}, backend=backend)
    step()

    def interrupt(number, frame):
        raise KeyboardInterrupt

    signal.signal(signal.SIGALRM, interrupt)
    caught = 0
    for trial in range(60):
        try:
            signal.setitimer(signal.ITIMER_REAL, 1e-4 * (1 + trial % 7))
            while True:
                step()
        except KeyboardInterrupt:
            caught += 1
        signal.setitimer(signal.ITIMER_REAL, 0)
        values = {float(p.value[0]) for p in parameters}
        assert len(values) == 1, f"some parameters were updated and some not: {sorted(values)}"
    print(f"{caught} interruptions of {step.last.emitter.name}")


if __name__ == "__main__":
    main(sys.argv[1])
