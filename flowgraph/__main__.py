"""python -m flowgraph is the command flowgraph."""

from flowgraph.cli import main

main(prog_name="flowgraph")
