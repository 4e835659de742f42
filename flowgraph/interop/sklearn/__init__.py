"""Networks as scikit-learn estimators: they are fitted, cloned, searched and pickled as scikit-learn's own are."""

from flowgraph.errors import optional

optional("sklearn", "flowgraph.interop.sklearn: needs scikit-learn", "sklearn")

from flowgraph.interop.sklearn.models import FlowgraphClassifier, FlowgraphRegressor

__all__ = ["FlowgraphClassifier", "FlowgraphRegressor"]
