"""Models written as autograd's users write them; each takes the modules that it imports, autograd's or flowgraph's."""

from tests.interop.ports import densities, iterations, networks
from tests.interop.ports.modules import PORTS, of_autograd, of_flowgraph

__all__ = ["PORTS", "densities", "iterations", "networks", "of_autograd", "of_flowgraph"]
