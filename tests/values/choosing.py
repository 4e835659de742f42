"""Independent values of choices: one element after the other."""

import numpy as np


def choose(number, *choices, mode):
    number, *choices = np.broadcast_arrays(number, *choices)
    h = np.empty(number.shape)
    for place in np.ndindex(h.shape):
        i = int(number[place])
        if mode == "wrap":
            i %= len(choices)
        elif mode == "clip":
            i = sorted([0, i, len(choices) - 1])[1]
        h[place] = choices[i][place]
    return h


VALUES = {"Choose": choose}
