"""fg.check on functions with hand-written gradients of packages that have nothing to do with this one.

    python -m venv /tmp/outside
    /tmp/outside/bin/python -m pip --quiet install --no-deps --requirement benchmarks/outside/requirements.txt
    /tmp/outside/bin/python -m benchmarks outside                       what is not held out
    /tmp/outside/bin/python -m benchmarks outside --package statsmodels one package
    /tmp/outside/bin/python -m benchmarks outside --held-out            what is held out
    /tmp/outside/bin/python -m benchmarks outside --second              what is held out a second time
    /tmp/outside/bin/python -m benchmarks outside --all                 all, as docs/checking.md quotes it
    ... --jobs 2                                                        two entries at a time
    ... --keep FILE                                                     a run that was stopped goes on where it was

The requirements are all pinned and hold what these packages depend on, NumPy, SciPy, PyTorch and JAX among them.

An entry is one function with one example, given to fg.check with everyone's defaults, and a judgement, right or wrong,
with its proof. Judgements were made without fg.check and committed before it was run on the entry; `evidence.py`
repeats the differences that most of them rest on. Where fg.check then showed a mistake that the judgement had not
seen, the judgement was changed and its proof begins with "seen by fg.check". Packages that are held out have been
judged, but fg.check is run on them only when its score is taken, and not to mend it. The second set of those was chosen
after the first had been scored and its alarms looked at: 202 functions of 20 other packages, judged before any was run.

Each entry runs in a process of its own, with a bound on memory and time. An outcome is `found` (wrong, and said to be),
`right` (right, and passed), `FALSE ALARM`, `MISSED`, `undecided`, `raised` (fg.check itself raises), `timeout` or
`crash`. The same follows for the checker of the framework: gradcheck of PyTorch, check_grads of JAX, and central
differences for NumPy. Seconds are those of the processor.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Run the checkers and print their scores."""
    from benchmarks.outside.score import main as score

    score(sys.argv[1:])
