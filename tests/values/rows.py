"""Independent values of the boxes whose first axis counts rows."""

import numpy as np

VALUES = {
    "UnitRows": lambda like: np.array(
        [[float(i == j) for j in range(like.size)] for i in range(like.size)], like.dtype
    ).reshape(like.size, *like.shape),
    "RepeatRows": lambda a, rows: np.stack([a] * len(rows)),
    "RowsAs": lambda a, like: np.array(list(a.flat)).reshape(like.shape + a.shape[1:]),
}
