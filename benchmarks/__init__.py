"""Measurements against peers, side by side, in one run: `python -m benchmarks`, or one of them by name."""

import os

for _variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")  # one thread for everybody, before anybody is imported
