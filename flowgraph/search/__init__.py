"""Model selection: grid, random and model-based search over settings, with refinement around the best, on Optuna."""

from flowgraph.search.result import SearchResult, Trial
from flowgraph.search.search import Attempt, search
from flowgraph.search.selection import select
from flowgraph.search.space import Choice, LogUniform, Uniform, Whole, read_space

__all__ = [
    "Attempt", "Choice", "LogUniform", "SearchResult", "Trial", "Uniform", "Whole", "read_space", "search", "select",
]  # fmt: skip
