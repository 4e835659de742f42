"""The command line; nothing else of flowgraph imports click."""

from flowgraph.cli.main import main as main
