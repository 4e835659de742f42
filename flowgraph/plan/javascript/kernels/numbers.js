// Functions of single numbers where NumPy's and JavaScript's differ, or JavaScript has none.

export function power(a, b) {
  if (b === 0 || a === 1) return 1;
  if (a === -1 && !Number.isFinite(b) && !Number.isNaN(b)) return 1;
  return Math.pow(a, b);
}

// By squares, each product as `times` says.
export function powerOfWhole(a, b, times) {
  if (b < 0) throw new RangeError("integers to negative integer powers are not allowed");
  let result = 1;
  for (let square = a; b > 0; square = b > 0 ? times(square, square) : 0) {
    if (b % 2) result = times(result, square);
    b = Math.floor(b / 2);
  }
  return result;
}

export function maximum(a, b) {
  return a > b || a !== a ? a : b;
}

export function minimum(a, b) {
  return a < b || a !== a ? a : b;
}

export function fmax(a, b) {
  return a >= b || b !== b ? a : b;
}

export function fmin(a, b) {
  return a <= b || b !== b ? a : b;
}

export function rint(a) {
  const below = Math.floor(a), rest = a - below;
  if (rest !== 0.5) return Math.round(a);
  return below % 2 === 0 ? below : below + 1;
}

export function roundTo(a, decimals) {
  const scale = 10 ** Math.abs(decimals);
  return decimals < 0 ? rint(a / scale) * scale : rint(a * scale) / scale;
}

export function remainder(a, b) {
  const rest = a % b;
  if (rest === 0) return b < 0 || Object.is(b, -0) ? -0 : 0;
  return rest < 0 !== b < 0 ? rest + b : rest;
}

export function floorDivide(a, b) {
  if (b === 0) return a / b;
  const rest = a % b;
  let quotient = (a - rest) / b;
  if (rest !== 0 && rest < 0 !== b < 0) quotient -= 1;
  if (quotient === 0) return a / b < 0 ? -0 : 0;
  const whole = Math.floor(quotient);
  return quotient - whole > 0.5 ? whole + 1 : whole;
}

export function remainderOfWhole(a, b) {
  return b === 0 ? 0 : remainder(a, b) + 0;
}

export function floorDivideWhole(a, b) {
  return b === 0 ? 0 : Math.floor(a / b) + 0;
}

export function fmodOfWhole(a, b) {
  return b === 0 ? 0 : (a % b) + 0;
}

export function bits(operation, a, b) {
  const x = BigInt(a), y = BigInt(b);
  if (operation === "and") return Number(x & y);
  if (operation === "or") return Number(x | y);
  if (operation === "xor") return Number(x ^ y);
  return Number(operation === "left" ? BigInt.asIntN(64, x << y) : x >> y);
}

export function signBit(a) {
  return +(a < 0 || Object.is(a, -0));
}

export function copysign(a, b) {
  return signBit(b) ? -Math.abs(a) : Math.abs(a);
}

export function heaviside(a, atZero) {
  return a !== a ? a : a === 0 ? atZero : +(a > 0);
}

export function logAddExp(a, b) {
  if (a === b) return a + Math.LN2;
  const high = Math.max(a, b);
  return high + Math.log1p(Math.exp(-Math.abs(a - b)));
}

export function logAddExp2(a, b) {
  if (a === b) return a + 1;
  return Math.max(a, b) + Math.log1p(2 ** -Math.abs(a - b)) * Math.LOG2E;
}

export function hypot(a, b) {
  if (Math.abs(a) === Infinity || Math.abs(b) === Infinity) return Infinity;
  return Math.hypot(a, b);
}

export function nanToNum(a, nan, high, low) {
  return a !== a ? nan : a === Infinity ? high : a === -Infinity ? low : a;
}

export function logExpit(a) {
  return a < 0 ? a - Math.log1p(Math.exp(a)) : -Math.log1p(Math.exp(-a));
}

export function xlog1py(a, b) {
  return a === 0 && b === b ? 0 : a * Math.log1p(b);
}

// The logarithm of a / b, also near 1 and where the ratio has no normal number.
export function logOfRatio(a, b) {
  const ratio = a / b;
  if (ratio > 0.5 && ratio < 2) return Math.log1p((a - b) / b);
  return ratio > 2.3e-308 && ratio < Infinity ? Math.log(ratio) : Math.log(a) - Math.log(b);
}

// Near 1/2, where the two logarithms nearly cancel, by their differences from 0.
export function logit(a) {
  return a < 0.3 || a > 0.65 || a !== a ? Math.log(a / (1 - a)) : Math.log1p(2 * a - 1) - Math.log1p(1 - 2 * a);
}

export function relEntr(a, b) {
  if (a > 0 && b > 0) return a * logOfRatio(a, b);
  return a === 0 && b >= 0 ? 0 : a !== a || b !== b ? NaN : Infinity;
}

export function klDiv(a, b) {
  if (a > 0 && b > 0) return a * Math.log(a / b) - a + b;
  return a === 0 && b >= 0 ? b : a !== a || b !== b ? NaN : Infinity;
}

// The error function: its power series near 0; beyond, erfc by Cody's rational approximation, then a continued fraction.
// Source: Cody, Rational Chebyshev approximations for the error function, 1969.
export function erf(a) {
  if (a !== a) return a;
  const x = Math.abs(a);
  if (x > 0.5) return Math.sign(a) * (1 - erfcOf(x));
  let term = a, total = a;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(total); n++) {
    term *= (2 * a * a) / (2 * n + 1);
    total += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-a * a) * total;
}

export function erfc(a) {
  if (a > 0.5) return erfcOf(a);
  return a < -0.5 ? 2 - erfcOf(-a) : 1 - erf(a);
}

export const erfcAbove = [
  2.15311535474403846e-8, 5.64188496988670089e-1, 8.88314979438837594, 6.61191906371416295e1, 2.98635138197400131e2,
  8.8195222124176909e2, 1.71204761263407058e3, 2.05107837782607147e3, 1.23033935479799725e3,
];
export const erfcBelow = [
  1, 1.57449261107098347e1, 1.17693950891312499e2, 5.37181101862009858e2, 1.62138957456669019e3, 3.29079923573345963e3,
  4.36261909014324716e3, 3.43936767414372164e3, 1.23033935480374942e3,
];

// Of x > 0.5. The square is rounded as SciPy rounds it, which exp makes x² times as large in both.
export function erfcOf(x) {
  if (x * x > 709.782712893384) return 0;
  const scale = Math.exp(-x * x);
  if (x < 4) {
    const polynomial = (coefficients) => coefficients.reduce((total, c) => total * x + c, 0);
    return (scale * polynomial(erfcAbove)) / polynomial(erfcBelow);
  }
  let fraction = x;
  for (let level = 60; level > 0; level--) fraction = x + level / 2 / fraction;
  return scale / (Math.sqrt(Math.PI) * fraction);
}

export function ndtr(a) {
  return 0.5 * erfc(-a * Math.SQRT1_2);
}
