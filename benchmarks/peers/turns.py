"""Peers in turn: each in a process of its own, which waits while the others measure."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.peers.worker import work


class Peer:
    """The near end of a peer's process."""

    def __init__(self, name: str, threads: int, room: str) -> None:
        self.name = name
        context = multiprocessing.get_context("spawn")
        self.connection, far = context.Pipe()
        one = threads == 1 and hasattr(os, "sched_setaffinity")
        cores = {max(os.sched_getaffinity(0))} if one else None
        self.process = context.Process(target=work, args=(room, name, cores, far), daemon=True)
        self.process.start()
        far.close()

    def ask(self, *request: Any) -> Any:
        """Its answer; RuntimeError with what it says if it cannot."""
        if request:
            self.connection.send(request)
        answer, error = self.connection.recv()
        if error:
            raise RuntimeError(error)
        return answer

    def end(self) -> None:
        """No more questions."""
        self.connection.close()
        self.process.join(10)


def started(names: Sequence[str], threads: int, room: str = "mlp") -> list[Peer]:
    """Those of a folder of peers that can be imported; the others are left out by name."""
    peers = []
    for name in names:
        peer = Peer(name, threads, room)
        try:
            peer.ask()
            peers.append(peer)
        except (RuntimeError, EOFError) as error:
            print(f"{name}: left out ({error})", flush=True)
    return peers


def measure(
    case: Any, peers: list[Peer], rounds: int, seconds: float, proved: Callable[[Any, str, dict[str, Any]], None]
) -> dict[str, dict[str, Any]]:
    """Best seconds, seconds to compile and busy others of each peer whose step is `proved` to be that of the case."""
    results: dict[str, dict[str, Any]] = {}
    for peer in peers:
        try:
            answer = peer.ask("prepare", case)
            proved(case, peer.name, answer)
            results[peer.name] = {"seconds": np.inf, "others": 0.0, "compile": answer["compile"]}
            results[peer.name] |= {"source": answer["source"]} if answer["source"] else {}
        except (RuntimeError, AssertionError) as error:
            print(f"{case.name} {case.dtype}, {peer.name}: left out ({str(error).strip()[:300]})", flush=True)
    for _ in range(rounds):
        for peer in peers:
            if peer.name in results:
                best, others = peer.ask("measure", seconds)
                result = results[peer.name]
                result["seconds"] = min(result["seconds"], best)
                result["others"] += others / rounds
    return results


def memory(names: Sequence[str], threads: int, cases: Sequence[Any], room: str = "mlp") -> dict[str, dict[str, Any]]:
    """Peak bytes of each peer, every one in a fresh process."""
    results: dict[str, dict[str, Any]] = {}
    for case in cases:
        for peer in started([name for name in names if name != "products"], threads, room):
            try:
                answer = peer.ask("memory", case)
                results.setdefault(case.name, {})[peer.name] = answer
            except RuntimeError as error:
                print(f"memory of {case.name}, {peer.name}: left out ({error})", flush=True)
            peer.end()
    return results
