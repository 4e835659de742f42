"""The back end of JavaScript: plain functions over typed arrays, whose sizes are read when they are called.

`fg.compile(..., backend="javascript").source` is a module that runs in a browser and in Node.js; `rule_for` registers
the expression of a class of boxes.
"""

from flowgraph.plan.javascript.boxes import rule_for as rule_for
