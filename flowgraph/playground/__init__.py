"""The playground: a page in which a network of two inputs trains, computed by plans in JavaScript."""

from flowgraph.playground.page import playground as playground
