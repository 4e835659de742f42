"""docs/programs/hidden_markov.py in autograd."""

import autograd.numpy as np
from autograd import value_and_grad
from autograd.scipy.special import logsumexp


def main(small, given):
    letters, logs, seen = given.data(small), given.start(), []

    def likelihood(logs):
        first, moves, emissions = logs
        forward = first + emissions[:, letters[0]]
        for letter in letters[1:]:
            forward = logsumexp(forward[:, None] + moves, axis=0) + emissions[:, letter]
        return logsumexp(forward)

    for _ in range(5 if small else 40):
        value, counts = value_and_grad(likelihood)(logs)
        logs = [np.log((one + 1e-10) / np.sum(one + 1e-10, axis=-1, keepdims=True)) for one in counts]
        seen.append(value)
    return np.exp(logs[1]), logs[2][0] - logs[2][1] > 0, -np.array(seen) / len(letters)
