"""The command line, a file per command; nothing else of flowgraph imports click."""

from flowgraph.cli.main import main as main
