"""The mutation score of gradient tests: each bprop is broken in turn, and a good test suite sees it every time."""

from flowgraph.mutation.mutants import Mutant, mutants_of, sources_of
from flowgraph.mutation.processes import Outcome
from flowgraph.mutation.score import Score, score

__all__ = ["Mutant", "Outcome", "Score", "mutants_of", "score", "sources_of"]
