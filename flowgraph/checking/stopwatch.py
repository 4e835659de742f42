"""Time that this process had, so that other work of the machine does not change what is found."""

from __future__ import annotations

import time

PATIENCE = 10.0  # times longer by the clock on the wall, where code waits or the machine is given to others
FRESH = 0.02  # seconds for which a reading of the processor's clock will do: it can cost as much as many small calls


class Stopwatch:
    """Runs from when it is made."""

    def __init__(self) -> None:
        self._wall = time.perf_counter()
        self._processor = time.process_time()
        self._read_at = 0.0
        self._read = 0.0

    def wall(self) -> float:
        """Seconds by the clock on the wall."""
        return time.perf_counter() - self._wall

    def seconds(self) -> float:
        """Seconds of the processor, which counts each thread: never more than on the wall, nor much less."""
        wall = self.wall()
        if wall > self._read_at + FRESH:
            self._read_at = wall
            self._read = max(min(time.process_time() - self._processor, wall), wall / PATIENCE)
        return self._read
