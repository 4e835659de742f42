// Products of matrices, and of axes.
import { broadcastShapes, checked, map, ofWhole, placesOf, sizeOf, stridesTo, zeros } from "./arrays.js";
import { axesOf, diag, reshape, squeeze, stepsOf, transpose } from "./shapes.js";

export function matmul(a, b, dtype) {
  const left = a.shape.length === 1 ? reshape(a, [1, a.shape[0]]) : a;
  const right = b.shape.length === 1 ? reshape(b, [b.shape[0], 1]) : b;
  const [m, k] = left.shape.slice(-2), [depth, n] = right.shape.slice(-2);
  if (k !== depth) throw new RangeError(`matmul: (${a.shape}) and (${b.shape}) do not fit`);
  const lead = broadcastShapes(left.shape.slice(0, -2), right.shape.slice(0, -2));
  const p = placesOf(lead, stridesTo(left.shape.slice(0, -2), lead)), q = placesOf(lead, stridesTo(right.shape.slice(0, -2), lead));
  const h = zeros([...lead, m, n], dtype), x = left.data, y = right.data, row = new Float64Array(n), whole = ofWhole(dtype);
  for (let stack = 0; stack < p.length; stack++) {
    for (let i = 0; i < m; i++) {
      row.fill(0);
      for (let l = 0; l < k; l++) {
        const factor = x[(p[stack] * m + i) * k + l], from = (q[stack] * k + l) * n;
        if (whole) for (let j = 0; j < n; j++) row[j] = whole.plus(row[j], whole.times(factor, y[from + j]));
        else for (let j = 0; j < n; j++) row[j] += factor * y[from + j];
      }
      h.data.set(row, (stack * m + i) * n);
    }
  }
  const shape = [...lead, ...(a.shape.length === 1 ? [] : [m]), ...(b.shape.length === 1 ? [] : [n])];
  return checked(reshape(h, shape));
}

export function affine(h, W, b, dtype) {
  const product = matmul(h, W, dtype), out = product.data, bias = b.data, n = bias.length;
  const plus = ofWhole(dtype)?.plus ?? ((x, y) => x + y);
  if (b.shape.length !== 1 || product.shape.at(-1) !== n) return map(dtype, plus, product, b);
  for (let i = 0; i < out.length; i += n) for (let j = 0; j < n; j++) out[i + j] = plus(out[i + j], bias[j]);
  return checked(product);
}

export function tensordot(a, b, axesOfA, axesOfB, dtype) {
  const overA = axesOf(axesOfA, a.shape.length), overB = axesOf(axesOfB, b.shape.length);
  const restA = axesOf(null, a.shape.length).filter((axis) => !overA.includes(axis));
  const restB = axesOf(null, b.shape.length).filter((axis) => !overB.includes(axis));
  const k = sizeOf(overA.map((axis) => a.shape[axis])), rows = restA.map((axis) => a.shape[axis]);
  const columns = restB.map((axis) => b.shape[axis]);
  const left = reshape(transpose(a, [...restA, ...overA]), [sizeOf(rows), k]);
  const right = reshape(transpose(b, [...overB, ...restB]), [k, sizeOf(columns)]);
  return reshape(matmul(left, right, dtype), [...rows, ...columns]);
}

// Einstein's sum: letters of each operand, letters of the result.
export function einsum(inputs, output, dtype, ...arrays) {
  const sizes = {};
  inputs.forEach((letters, i) => Array.from(letters).forEach((letter, axis) => {
    if (sizes[letter] === undefined || sizes[letter] === 1) sizes[letter] = arrays[i].shape[axis];
  }));
  const inner = Object.keys(sizes).filter((letter) => !output.includes(letter)), letters = [...output, ...inner];
  const shape = Array.from(output).map((letter) => sizes[letter]), whole = letters.map((letter) => sizes[letter]);
  const places = arrays.map((a, i) => {
    const steps = stepsOf(a.shape);
    return placesOf(whole, letters.map((letter) => Array.from(inputs[i]).reduce(
      (total, own, axis) => total + (own === letter && a.shape[axis] !== 1 ? steps[axis] : 0), 0)));
  });
  const h = zeros(shape, dtype), count = sizeOf(inner.map((letter) => sizes[letter]));
  const { plus, times } = ofWhole(dtype) ?? { plus: (x, y) => x + y, times: (x, y) => x * y };
  for (let i = 0, place = 0; i < h.data.length; i++) {
    let total = 0;
    for (let j = 0; j < count; j++, place++) total = plus(total, arrays.reduce((f, a, k) => times(f, a.data[places[k][place]]), 1));
    h.data[i] = total;
  }
  return checked(h);
}

// Gauss's elimination with the largest pivot of each column: the matrices, and what stands beside them, in triangles.
export function eliminated(a, b, n, columns) {
  const left = Float64Array.from(a), right = Float64Array.from(b);
  let sign = 1;
  for (let k = 0; k < n; k++) {
    let pivot = k;
    for (let i = k + 1; i < n; i++) if (Math.abs(left[i * n + k]) > Math.abs(left[pivot * n + k])) pivot = i;
    if (pivot !== k) {
      sign = -sign;
      for (const [rows, width] of [[left, n], [right, columns]]) {
        const row = rows.slice(k * width, (k + 1) * width);
        rows.copyWithin(k * width, pivot * width, (pivot + 1) * width);
        rows.set(row, pivot * width);
      }
    }
    if (left[k * n + k] === 0) return { left, right, sign: 0 };
    for (let i = k + 1; i < n; i++) {
      const factor = left[i * n + k] / left[k * n + k];
      for (let j = k; j < n; j++) left[i * n + j] -= factor * left[k * n + j];
      for (let j = 0; j < columns; j++) right[i * columns + j] -= factor * right[k * columns + j];
    }
  }
  return { left, right, sign };
}

export function solve(a, b, dtype) {
  const vector = b.shape.length === 1, n = a.shape.at(-1);
  const sides = vector ? reshape(b, [n, 1]) : b, columns = sides.shape.at(-1);
  const lead = broadcastShapes(a.shape.slice(0, -2), sides.shape.slice(0, -2)), h = zeros([...lead, n, columns], dtype);
  const p = placesOf(lead, stridesTo(a.shape.slice(0, -2), lead)), q = placesOf(lead, stridesTo(sides.shape.slice(0, -2), lead));
  for (let stack = 0; stack < p.length; stack++) {
    const matrix = a.data.slice(p[stack] * n * n, (p[stack] + 1) * n * n);
    const beside = sides.data.slice(q[stack] * n * columns, (q[stack] + 1) * n * columns);
    const { left, right, sign } = eliminated(matrix, beside, n, columns);
    if (!sign && n) throw new RangeError("singular matrix");
    for (let k = n - 1; k >= 0; k--) {
      for (let j = 0; j < columns; j++) {
        for (let i = k + 1; i < n; i++) right[k * columns + j] -= left[k * n + i] * right[i * columns + j];
        right[k * columns + j] /= left[k * n + k];
      }
    }
    h.data.set(right, stack * n * columns);
  }
  return vector ? squeeze(h, [-1]) : h;
}

export function inverse(a, dtype) {
  const n = a.shape.at(-1);
  return solve(a, diag(map(dtype, () => 1, zeros([n], dtype)), 0), dtype);
}

export function determinant(a, dtype) {
  const n = a.shape.at(-1), h = zeros(a.shape.slice(0, -2), dtype);
  for (let stack = 0; stack < h.data.length; stack++) {
    const { left, sign } = eliminated(a.data.slice(stack * n * n, (stack + 1) * n * n), [], n, 0);
    h.data[stack] = Array.from({ length: n }, (_, k) => left[k * n + k]).reduce((f, x) => f * x, sign);
  }
  return h;
}
