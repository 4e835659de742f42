"""Hamiltonian Monte Carlo samples the effects of a training in eight schools.

Source: Neal, MCMC using Hamiltonian dynamics (2011); Rubin, Estimation in parallel randomized experiments (1981), whose
data are these. Stan's posterior mean of the common effect is 4.4 with the same priors.
"""

import numpy

import flowgraph as fg
import flowgraph.numpy as np
from flowgraph.functional import grad

FIGURE = "posterior mean of the common effect (Stan: 4.4)"
EFFECTS = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
ERRORS = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])


def energy(q):
    """Minus the logarithm of the posterior of the mean, the logarithm of the spread, and eight standard normals."""
    mean, spread, etas = 5.0 * q[0], np.exp(q[1]), q[2:]
    likelihood = np.sum(((EFFECTS - mean - spread * etas) / ERRORS) ** 2) / 2
    prior = np.sum(etas**2) / 2 + q[0] ** 2 / 2 + np.log(1 + (spread / 5) ** 2) - q[1]
    return likelihood + prior


def leapfrog(q, p, steps, size):
    p = p - size / 2 * grad(energy)(q)
    for step in range(steps):
        q = q + size * p
        p = p - (size if step < steps - 1 else size / 2) * grad(energy)(q)
    return q, p


def main(small=False):
    rng = numpy.random.default_rng(0)
    q, samples, accepted = np.zeros(10), [], 0
    for _ in range(20 if small else 2000):
        p = rng.normal(size=10)
        to, momentum = leapfrog(q, p, steps=10, size=0.25)
        gain = energy(q) + np.sum(p**2) / 2 - energy(to) - np.sum(momentum**2) / 2
        if np.log(rng.uniform()) < gain:
            q, accepted = to, accepted + 1
        samples.append(5 * q[0])
    return accepted / len(samples), np.std(np.array(samples)), np.mean(np.array(samples))


def picture():
    return fg.trace(energy, q=np.zeros(10))


if __name__ == "__main__":
    print(f"{FIGURE}: {main()[-1]:.4f}")
