"""Features of functions that read attributes of objects, classes and modules."""

import types

import numpy as onp

from tests.functional.features import feature


class Inner:
    def __init__(self):
        self.rate = 1.0


class Model:
    factor = 1.0

    def __init__(self):
        self.inner = Inner()
        self.history = []
        self.calls = 0
        self.rng = onp.random.RandomState(5)

    def predict(self, np, x):
        return np.sum(x * self.inner.rate) * self.factor

    @property
    def doubled(self):
        return 2 * self.inner.rate


@feature
def attribute_of_an_attribute(step):
    model = Model()

    def term(np, x, i):
        return model.predict(np, x) + np.sum(x) * model.doubled

    def change():
        model.inner.rate += 1.0

    return term, change


@feature
def attribute_that_hides_that_of_the_class(step):
    model = Model()

    def term(np, x, i):
        return model.predict(np, x)

    def change():
        model.factor = 1.0 + step() % 5

    return term, change


@feature
def attribute_by_its_name_in_a_text(step):
    model = Model()

    def term(np, x, i):
        return np.sum(x) * getattr(model, "fac" + "tor")

    def change():
        model.factor = 1.0 + step() % 5

    return term, change


@feature
def class_attribute(step):
    class Settings:
        rate = 1.0

    def term(np, x, i):
        return np.sum(x * Settings.rate)

    def change():
        Settings.rate += 1.0

    return term, change


class Slotted:
    __slots__ = ("rate",)


@feature
def slots(step):
    one = Slotted()
    one.rate = 1.0

    def term(np, x, i):
        return np.sum(x * one.rate)

    def change():
        one.rate += 1.0

    return term, change


@feature
def module_attribute(step):
    module = types.ModuleType("another_of_a_user")
    module.scale = 1.0

    def term(np, x, i):
        return np.sum(x * module.scale)

    def change():
        module.scale += 1.0

    return term, change
