"""The boxes there are, a file per family; importing this package imports every file, and exports what they declare.

What mypy and editors see of it stands in __init__.pyi, which `make pages` writes.
"""

from flowgraph.box.exports import exports, is_public

_exports = exports(__name__, __path__)
globals().update(_exports)
__all__ = [name for name, exported in _exports.items() if is_public(exported)]
