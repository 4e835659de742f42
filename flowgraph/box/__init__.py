"""What a box is: declaration, children, settings, leaves, and how NumPy calls become boxes."""

from flowgraph.box.arrays import Array as Array
from flowgraph.box.arrays import frozen_copy as frozen_copy
from flowgraph.box.base import Box as Box
from flowgraph.box.base import Built as Built
from flowgraph.box.base import Constant as Constant
from flowgraph.box.base import Leaf as Leaf
from flowgraph.box.base import holds_box as holds_box
from flowgraph.box.base import join_boxes as join_boxes
from flowgraph.box.base import registry as registry
from flowgraph.box.base import registry_name as registry_name
from flowgraph.box.elementwise import Elementwise as Elementwise
from flowgraph.box.vocabulary import Value as Value
