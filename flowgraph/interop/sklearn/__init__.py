"""Networks as scikit-learn estimators: they are fitted, cloned, searched and pickled as scikit-learn's own are."""

from flowgraph.errors import install_hint

try:
    from flowgraph.interop.sklearn.models import FlowgraphClassifier, FlowgraphRegressor
except ImportError as missing:
    raise ImportError(f"flowgraph.interop.sklearn: needs scikit-learn 1.6; run: {install_hint('sklearn')}") from missing

__all__ = ["FlowgraphClassifier", "FlowgraphRegressor"]
