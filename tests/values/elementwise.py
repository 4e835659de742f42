"""Independent values of the elementwise boxes: number by number with Python's own arithmetic and math."""

import cmath
import decimal
import math
import operator

import numpy as np


def each(function, otype=float):
    """The function on Python numbers, element by element."""

    def value(*arrays, **settings):
        plain = [[x.item() for x in np.ravel(a)] for a in np.broadcast_arrays(*arrays)]
        numbers = [function(*row, **settings) for row in zip(*plain, strict=True)]
        return np.array(numbers, otype).reshape(np.broadcast_shapes(*(a.shape for a in arrays)))

    return value


def rounded(x, decimals):
    """To the nearest, the even one in the middle, in decimal arithmetic."""
    return float(decimal.Decimal(x).quantize(decimal.Decimal(1).scaleb(-decimals), decimal.ROUND_HALF_EVEN))


def sinc(x):
    """Euler's product over the halved angles: sin(t)/t = cos(t/2) cos(t/4) ..."""
    return math.prod(math.cos(math.pi * x / 2**k) for k in range(1, 60))


def finite(x, nan, posinf, neginf):
    if math.isnan(x):
        return nan
    largest = float(np.finfo(float).max)
    if math.isinf(x):
        return (largest if posinf is None else posinf) if x > 0 else (-largest if neginf is None else neginf)
    return x


def bits(function):
    """The function on Python's integers and truth values."""
    return each(function, None)


ARITHMETIC = {
    "Add": each(lambda a, b: math.fsum([a, b])),
    "Subtract": each(lambda a, b: math.fsum([a, -b])),
    "Multiply": each(lambda a, b: math.copysign(1, a) * math.copysign(1, b) * abs(a) * abs(b)),
    "Divide": each(lambda a, b: a * b**-1),
    "Negative": each(lambda a: 0 - a),
    "Positive": each(lambda a: a),
    "Remainder": each(lambda a, b: a - b * math.floor(a / b)),
    "Fmod": each(math.fmod),
    "FloorDivide": each(lambda a, b: math.floor(a / b)),
    "Power": each(lambda a, b: math.exp(b * math.log(a))),
    "ConstantPower": each(lambda a, exponent: math.pow(a, exponent)),
    "Square": each(lambda a: math.pow(a, 2)),
    "Reciprocal": each(lambda a: math.pow(a, -1)),
    "Sqrt": each(lambda a: math.pow(a, 0.5)),
    "Cbrt": each(lambda a: math.copysign(math.pow(abs(a), 1 / 3), a)),
}

EXPONENTIAL = {
    "Exp": each(lambda a: math.e**a),
    "Exp2": each(lambda a: 2**a),
    "Expm1": each(lambda a: 2 * math.exp(a / 2) * math.sinh(a / 2)),
    "Log": each(lambda a: 2 * math.atanh((a - 1) / (a + 1))),
    "Log2": each(lambda a: math.log(a) / math.log(2)),
    "Log10": each(lambda a: math.log(a) / math.log(10)),
    "Log1p": each(lambda a: 2 * math.atanh(a / (a + 2))),
    "LogAddExp": each(lambda a, b: math.log(math.exp(a) + math.exp(b))),
    "LogAddExp2": each(lambda a, b: math.log2(2**a + 2**b)),
}

TRIGONOMETRIC = {
    "Sin": each(lambda a: cmath.exp(1j * a).imag),
    "Cos": each(lambda a: cmath.exp(1j * a).real),
    "Tan": each(lambda a: math.sin(a) / math.cos(a)),
    "Arcsin": each(lambda a: math.atan2(a, math.sqrt(1 - a * a))),
    "Arccos": each(lambda a: math.atan2(math.sqrt(1 - a * a), a)),
    "Arctan": each(lambda a: cmath.phase(complex(1, a))),
    "Arctan2": each(lambda y, x: cmath.phase(complex(x, y))),
    "Hypot": each(lambda a, b: abs(complex(a, b))),
    "Sinc": each(sinc),
    "Radians": each(math.radians),
    "Degrees": each(math.degrees),
    "Sinh": each(lambda a: (math.exp(a) - math.exp(-a)) / 2),
    "Cosh": each(lambda a: (math.exp(a) + math.exp(-a)) / 2),
    "Tanh": each(lambda a: 1 - 2 / (math.exp(2 * a) + 1)),
    "Arcsinh": each(lambda a: math.copysign(math.log(abs(a) + math.sqrt(a * a + 1)), a)),
    "Arccosh": each(lambda a: math.log(a + math.sqrt(a * a - 1))),
    "Arctanh": each(lambda a: math.log((1 + a) / (1 - a)) / 2),
}

SELECTION = {
    "Absolute": each(lambda a: a if a >= 0 else -a),
    "Fabs": each(lambda a: math.sqrt(a * a)),
    "Sign": each(lambda a: (a > 0) - (a < 0)),
    "Maximum": each(lambda a, b: a if a > b else b),
    "Minimum": each(lambda a, b: a if a < b else b),
    "Fmax": each(lambda a, b: b if b > a else a),
    "Fmin": each(lambda a, b: b if b < a else a),
    "Clip": each(lambda a, low, high: sorted([low, a, high])[1]),
    "Where": each(lambda condition, a, b: a if condition else b),
    "NanToNum": each(finite),
    "Floor": each(math.floor),
    "Ceil": each(math.ceil),
    "Trunc": each(int),
    "Rint": each(lambda a: rounded(a, 0)),
    "Round": each(rounded),
    "Cast": lambda a, to: each(int, int)(a) if to is np.int64 else each(to, to)(a),
}

LOGIC = {
    "Equal": each(lambda a, b: not (a < b or a > b)),
    "NotEqual": each(lambda a, b: a < b or a > b),
    "Less": each(lambda a, b: b - a > 0),
    "LessEqual": each(lambda a, b: b - a >= 0),
    "Greater": each(lambda a, b: a - b > 0),
    "GreaterEqual": each(lambda a, b: a - b >= 0),
    "LogicalAnd": each(lambda a, b: bool(a and b)),
    "LogicalOr": each(lambda a, b: bool(a or b)),
    "LogicalXor": each(lambda a, b: bool(a) != bool(b)),
    "LogicalNot": each(lambda a: not a),
    "IsNan": each(lambda a: not a <= math.inf),
    "IsInf": each(lambda a: a in (math.inf, -math.inf)),
    "IsFinite": each(lambda a: -math.inf < a < math.inf),
    "SignBit": each(lambda a: math.copysign(1, a) < 0),
    "BitwiseAnd": bits(operator.and_),
    "BitwiseOr": bits(operator.or_),
    "BitwiseXor": bits(operator.xor),
    "Invert": bits(lambda a: not a if isinstance(a, bool) else -a - 1),
    "LeftShift": bits(lambda a, b: a * 2**b),
    "RightShift": bits(lambda a, b: a // 2**b),
}

COMPLEX = {
    "Conjugate": each(lambda z: abs(z) ** 2 / z, complex),
    "Real": each(lambda z: abs(z) * math.cos(cmath.phase(z))),
    "Imag": each(lambda z: abs(z) * math.sin(cmath.phase(z))),
    "Angle": each(lambda z: cmath.log(z).imag),
}


def polyval(p, x):
    powers = range(len(p) - 1, -1, -1)
    one = np.vectorize(lambda at: math.fsum(c * at**k for c, k in zip(p, powers, strict=True)), otypes=[float])
    return one(x)


FURTHER = {
    "Copysign": each(math.copysign),
    "Heaviside": each(lambda a, b: b if a == 0 else float(a > 0)),
    "Ldexp": each(lambda a, exponents: a * 2.0**exponents),
    "PolyVal": polyval,
}

VALUES = FURTHER | COMPLEX | ARITHMETIC | EXPONENTIAL | TRIGONOMETRIC | SELECTION | LOGIC
