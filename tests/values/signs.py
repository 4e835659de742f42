"""Independent values of signs, steps and powers of two: Python's own functions, number by number."""

import math

from tests.values.elementwise import each

VALUES = {
    "Copysign": each(math.copysign),
    "Heaviside": each(lambda a, b: b if a == 0 else float(a > 0)),
    "Ldexp": each(lambda a, exponents: a * 2.0**exponents),
}
