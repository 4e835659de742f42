"""Potentials, lenses, force fields and internal coordinates, with derivatives that were worked out by hand."""

from __future__ import annotations

import importlib
from functools import partial
from typing import Any

import numpy as np

from benchmarks.outside.entry import DIFFERENCES, Case, Package
from benchmarks.outside.examples import normal
from benchmarks.outside.fresh.adapters import found_wrong, gradient, jacobian

LENSES = Package("lenstronomy", "numpy")
GALPY = Package("galpy", "numpy")
GEOMETRIC = Package("geometric", "numpy")
BERNY = Package("pyberny", "numpy")
ASE = Package("ase", "numpy")
PACKAGES = [LENSES, GALPY, GEOMETRIC, BERNY, ASE]

AT, ACROSS = np.array([1.0, 0.7, -1.2, 2.0]), np.array([0.5, -0.9, 0.3, 1.5])


def _lens(module: str, name: str, **options: Any) -> Case:
    """The deflection, which is the gradient of the lensing potential."""

    def one() -> Any:
        return getattr(importlib.import_module(f"lenstronomy.LensModel.Profiles.{module}"), name)()

    def backward(grad: Any, value: Any, x: Any, y: Any) -> Any:
        by_x, by_y = one().derivatives(x, y, **options)
        return grad * by_x, grad * by_y

    return Case(lambda x, y: one().function(x, y, **options), (AT, ACROSS), backward)


def _bend(module: str, name: str, **options: Any) -> Case:
    """The Hessian, which is the Jacobian of the deflection."""

    def one() -> Any:
        return getattr(importlib.import_module(f"lenstronomy.LensModel.Profiles.{module}"), name)()

    def backward(grad: Any, value: Any, x: Any, y: Any) -> Any:
        xx, xy, yx, yy = one().hessian(x, y, **options)
        return grad[0] * xx + grad[1] * yx, grad[0] * xy + grad[1] * yy

    return Case(lambda x, y: tuple(one().derivatives(x, y, **options)), (AT, ACROSS), backward)


_PROFILES: list[tuple[str, str, dict[str, float]]] = [
    ("sis", "SIS", {"theta_E": 1.1}),
    ("point_mass", "PointMass", {"theta_E": 0.9}),
    ("shear", "Shear", {"gamma1": 0.1, "gamma2": -0.05}),
    ("nfw", "NFW", {"Rs": 1.3, "alpha_Rs": 0.8}),
    ("hernquist", "Hernquist", {"sigma0": 0.7, "Rs": 1.4}),
    ("pseudo_jaffe", "PseudoJaffe", {"sigma0": 0.8, "Ra": 0.4, "Rs": 1.7}),
    ("spp", "SPP", {"theta_E": 1.1, "gamma": 1.9}),
    ("spep", "SPEP", {"theta_E": 1.1, "gamma": 1.9, "e1": 0.1, "e2": -0.1}),
    ("epl", "EPL", {"theta_E": 1.1, "gamma": 2.1, "e1": 0.1, "e2": -0.1}),
    ("sersic", "Sersic", {"n_sersic": 2.0, "R_sersic": 1.2, "k_eff": 0.6}),
    ("tnfw", "TNFW", {"Rs": 1.3, "alpha_Rs": 0.8, "r_trunc": 3.0}),
    ("multipole", "Multipole", {"m": 4, "a_m": 0.05, "phi_m": 0.3}),
    ("coreBurkert", "CoreBurkert", {"Rs": 1.5, "alpha_Rs": 0.8, "r_core": 0.6}),
    ("uldm", "Uldm", {"kappa_0": 0.6, "theta_c": 0.9}),
]
for _module, _name, _options in _PROFILES:
    LENSES.add(
        f"{_name}, deflection",
        partial(_lens, _module, _name, **_options),
        proof=DIFFERENCES + ("; the value is clipped at a radius of 0.001 Rs" if _name == "TNFW" else ""),
    )
for _module, _name, _options in _PROFILES[:9]:
    LENSES.add(f"{_name}, Hessian", partial(_bend, _module, _name, **_options))


def _potential(name: str, **options: Any) -> Any:
    return getattr(importlib.import_module("galpy.potential"), name)(**options)


def _force(name: str, **options: Any) -> Case:
    def value(radius: Any, height: Any) -> Any:
        return _potential(name, **options)(radius, height, use_physical=False)

    def backward(grad: Any, value: Any, radius: Any, height: Any) -> Any:
        one = _potential(name, **options)
        return (
            -grad * one.Rforce(radius, height, use_physical=False),
            -grad * one.zforce(radius, height, use_physical=False),
        )

    return Case(value, (np.array([1.0, 0.8, 1.7]), np.array([0.1, -0.3, 0.6])), backward)


def _second(name: str, **options: Any) -> Case:
    def value(radius: Any, height: Any) -> Any:
        return _potential(name, **options).Rforce(radius, height, use_physical=False)

    def backward(grad: Any, value: Any, radius: Any, height: Any) -> Any:
        one = _potential(name, **options)
        return (
            -grad * one.R2deriv(radius, height, use_physical=False),
            -grad * one.Rzderiv(radius, height, use_physical=False),
        )

    return Case(value, (np.array([1.0, 0.8, 1.7]), np.array([0.1, -0.3, 0.6])), backward)


_POTENTIALS: list[tuple[str, dict[str, float]]] = [
    ("MiyamotoNagaiPotential", {"a": 0.5, "b": 0.1}),
    ("NFWPotential", {"a": 1.4}),
    ("HernquistPotential", {"a": 1.2}),
    ("LogarithmicHaloPotential", {"q": 0.9}),
    ("PlummerPotential", {"b": 0.6}),
    ("IsochronePotential", {"b": 0.8}),
    ("BurkertPotential", {"a": 1.5}),
    ("PowerSphericalPotential", {"alpha": 1.8}),
    ("KuzminDiskPotential", {"a": 0.7}),
    ("FlattenedPowerPotential", {"alpha": 0.5, "q": 0.9, "core": 0.3}),
]
for _name, _options in _POTENTIALS:
    GALPY.add(f"{_name}, force", partial(_force, _name, **_options))
for _name, _options in _POTENTIALS[:6]:
    GALPY.add(f"{_name}, second derivatives", partial(_second, _name, **_options))

MOLECULE = np.array([[0.0, 0.1, 0.0], [1.4, 0.0, 0.2], [2.0, 1.3, 0.1], [3.3, 1.2, 1.0], [0.5, -1.1, 0.9]])


def _internal(name: str, *atoms: Any) -> Case:
    def one() -> Any:
        return getattr(importlib.import_module("geometric.internal"), name)(*atoms)

    return jacobian(lambda x: one().value(x), lambda x: one().derivative(x), MOLECULE)


def _internal_second(name: str, *atoms: Any) -> Case:
    def one() -> Any:
        return getattr(importlib.import_module("geometric.internal"), name)(*atoms)

    return jacobian(lambda x: one().derivative(x), lambda x: one().second_derivative(x), MOLECULE)


for _name, _atoms in (
    ("Distance", (0, 1)),
    ("Angle", (0, 1, 2)),
    ("Dihedral", (0, 1, 2, 3)),
    ("OutOfPlane", (1, 0, 2, 4)),
    ("CartesianX", (2,)),
    ("CentroidDistance", ([0, 1], [2, 3])),
    ("TranslationX", ([0, 1, 2], [1 / 3, 1 / 3, 1 / 3])),
):
    GEOMETRIC.add(_name, partial(_internal, _name, *_atoms))
for _name, _atoms in (("Distance", (0, 1)), ("Angle", (0, 1, 2)), ("Dihedral", (0, 1, 2, 3))):
    GEOMETRIC.add(f"{_name}, second", partial(_internal_second, _name, *_atoms))


def _berny(name: str, *atoms: int) -> Case:
    """The gradient is by coordinates in atomic units, the value of coordinates in angstrom."""

    def value(x: Any) -> Any:
        coords = importlib.import_module("berny.coords")
        return getattr(coords, name)(*atoms).eval(x / coords.angstrom)

    def backward(x: Any) -> Any:
        coords = importlib.import_module("berny.coords")
        _, parts = getattr(coords, name)(*atoms).eval(x / coords.angstrom, grad=True)
        found = np.zeros_like(x)
        found[list(atoms)] = parts
        return found

    return gradient(value, backward, MOLECULE)


BERNY.add("Bond", lambda: _berny("Bond", 0, 1))
BERNY.add("Angle", lambda: _berny("Angle", 0, 1, 2))
BERNY.add("Dihedral", lambda: _berny("Dihedral", 0, 1, 2, 3))


def _calculator(module: str, name: str, symbols: str, positions: Any, **options: Any) -> Case:
    def atoms(x: Any) -> Any:
        ase = importlib.import_module("ase")
        found = ase.Atoms(symbols, positions=x)
        found.calc = getattr(importlib.import_module(f"ase.calculators.{module}"), name)(**options)
        return found

    return gradient(lambda x: atoms(x).get_potential_energy(), lambda x: -atoms(x).get_forces(), positions)


CLUSTER = np.array([[0.0, 0.0, 0.0], [2.3, 0.3, 0.1], [1.0, 2.2, 0.4], [1.1, 0.9, 2.1]])
ASE.add("LennardJones", lambda: _calculator("lj", "LennardJones", "Ar4", CLUSTER / 2))
ASE.add("LennardJones, smooth", lambda: _calculator("lj", "LennardJones", "Ar4", CLUSTER / 2, smooth=True))
ASE.add("MorsePotential", lambda: _calculator("morse", "MorsePotential", "Cu4", CLUSTER / 2))
ASE.add("EMT", lambda: _calculator("emt", "EMT", "Cu4", CLUSTER))


def _ase_geometry(name: str, *vectors: Any) -> Case:
    def value(*vectors: Any) -> Any:
        return getattr(importlib.import_module("ase.geometry"), f"get_{name}")(*vectors)

    def backward(grad: Any, value: Any, *vectors: Any) -> Any:
        found = getattr(importlib.import_module("ase.geometry"), f"get_{name}_derivatives")(*vectors)
        grad = np.asarray(grad)[:, None]
        parts = [np.asarray(found)[:, k] for k in range(len(vectors) + 1)]
        sums = [-parts[0]]
        for part in parts[1:-1]:
            sums.append(sums[-1] - part)
        if name == "angles":
            return grad * parts[0], grad * parts[2]
        return tuple(grad * one for one in sums)

    return Case(value, vectors, backward)


ASE.add("get_angles", lambda: _ase_geometry("angles", normal(3, 3), normal(3, 3, seed=1)))
ASE.add("get_dihedrals", lambda: _ase_geometry("dihedrals", normal(3, 3), normal(3, 3, seed=1), normal(3, 3, seed=2)))

TOGETHER = (
    "found after the first run of fg.check: where all atoms are at one place the value is finite and the gradient 0 / 0"
)
found_wrong(GEOMETRIC, TOGETHER, "Distance", "Dihedral", "OutOfPlane", "CentroidDistance")
found_wrong(BERNY, TOGETHER, "Bond")
found_wrong(ASE, TOGETHER, "MorsePotential", "EMT")
