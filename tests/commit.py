"""A number for each commit, so that what cannot be tested whole in each is tested in turn."""

import os
import subprocess
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np


def random_seed() -> int:
    """A seed that nobody has used."""
    return int(np.random.SeedSequence().generate_state(1)[0])


def seed_of_commit() -> int:
    """A seed from the hash of the commit that is tested; a random one outside of git. FLOWGRAPH_FUZZ_SEED sets it."""
    given = os.environ.get("FLOWGRAPH_FUZZ_SEED")
    if given:
        return int(given)
    found = subprocess.run(["git", "rev-parse", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True)
    if found.returncode != 0:
        return random_seed()
    return int(found.stdout[:8], 16)


def share_of_commit(names: Iterable[str], one_in: int) -> list[str]:
    """One in so many of the names, others in each commit; all of them with FLOWGRAPH_THOROUGH=1."""
    listed = list(names)
    if os.environ.get("FLOWGRAPH_THOROUGH") == "1":
        return listed
    seed = seed_of_commit()
    return [name for name in listed if zlib.crc32(f"{seed} {name}".encode()) % one_in == 0]
