// Products of matrices, and of axes.

function matmul(a, b, dtype) {
  const left = a.shape.length === 1 ? reshape(a, [1, a.shape[0]]) : a;
  const right = b.shape.length === 1 ? reshape(b, [b.shape[0], 1]) : b;
  const [m, k] = left.shape.slice(-2), [depth, n] = right.shape.slice(-2);
  if (k !== depth) throw new RangeError(`matmul: (${a.shape}) and (${b.shape}) do not fit`);
  const lead = broadcastShapes(left.shape.slice(0, -2), right.shape.slice(0, -2));
  const p = placesOf(lead, stridesTo(left.shape.slice(0, -2), lead)), q = placesOf(lead, stridesTo(right.shape.slice(0, -2), lead));
  const h = zeros([...lead, m, n], dtype), x = left.data, y = right.data, row = new Float64Array(n);
  for (let stack = 0; stack < p.length; stack++) {
    for (let i = 0; i < m; i++) {
      row.fill(0);
      for (let l = 0; l < k; l++) {
        const factor = x[(p[stack] * m + i) * k + l], from = (q[stack] * k + l) * n;
        for (let j = 0; j < n; j++) row[j] += factor * y[from + j];
      }
      h.data.set(row, (stack * m + i) * n);
    }
  }
  const shape = [...lead, ...(a.shape.length === 1 ? [] : [m]), ...(b.shape.length === 1 ? [] : [n])];
  return checked(reshape(h, shape));
}

function affine(h, W, b, dtype) {
  return map(dtype, (product, bias) => product + bias, matmul(h, W, dtype), b);
}

function tensordot(a, b, axesOfA, axesOfB, dtype) {
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
function einsum(inputs, output, dtype, ...arrays) {
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
  for (let i = 0, place = 0; i < h.data.length; i++) {
    let total = 0;
    for (let j = 0; j < count; j++, place++) total += arrays.reduce((f, a, k) => f * a.data[places[k][place]], 1);
    h.data[i] = total;
  }
  return checked(h);
}
