"""The registry of boxes, kept free of the classes that tests define, and those of the package that have examples."""

import contextlib

import flowgraph as fg
from flowgraph.box import registry_name


def boxes_with_examples():
    """The boxes of the package that compute something and give examples of it, by their names in the registry."""
    return {
        name: cls
        for name, cls in fg.registry.items()
        if cls.built_in and not issubclass(cls, fg.Leaf) and cls.examples is not None
    }


def unregister(cls):
    """Take a class of a module of tests out of the registry, from its definition on."""
    assert fg.registry.pop(registry_name(cls)) is cls
    return cls


@contextlib.contextmanager
def unregistered():
    """Classes defined inside are not in the registry afterwards; those of modules of flowgraph are, once imported."""
    before = dict(fg.registry)
    try:
        yield
    finally:
        if fg.registry != before:
            own = {name: cls for name, cls in fg.registry.items() if cls.__module__.startswith("flowgraph.")}
            fg.registry.clear()
            fg.registry.update(own | before)
