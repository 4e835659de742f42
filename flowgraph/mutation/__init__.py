"""The mutation score of gradient tests: each bprop is broken in turn, and a good test suite sees it every time."""

from flowgraph.mutation.breaking import Mutant, mutants_of
from flowgraph.mutation.processes import Outcome
from flowgraph.mutation.score import Score, score
from flowgraph.mutation.sources import sources_of

__all__ = ["Mutant", "Outcome", "Score", "mutants_of", "score", "sources_of"]
