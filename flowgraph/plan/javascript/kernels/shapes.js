// Shapes: the same elements in other places.
import { array, broadcastShapes, checked, gathered, placesOf, sizeOf, stridesTo, zeros } from "./arrays.js";

export function axisOf(axis, ndim) {
  return axis < 0 ? axis + ndim : axis;
}

export function axesOf(axes, ndim) {
  if (axes === null) return Array.from({ length: ndim }, (_, axis) => axis);
  return axes.map((axis) => axisOf(axis, ndim));
}

export function reshape(a, shape) {
  if (sizeOf(shape) !== a.data.length) throw new RangeError(`(${a.shape}) does not fit into (${shape})`);
  return { data: a.data, shape, dtype: a.dtype };
}

export function expandDims(a, axes) {
  const rest = a.shape.slice(), ndim = rest.length + axes.length;
  const ones = new Set(axes.map((axis) => axisOf(axis, ndim)));
  return reshape(a, Array.from({ length: ndim }, (_, axis) => (ones.has(axis) ? 1 : rest.shift())));
}

export function squeeze(a, axes) {
  const gone = new Set(axesOf(axes, a.shape.length));
  return reshape(a, a.shape.filter((_, axis) => !gone.has(axis)));
}

export function transpose(a, axes = null) {
  const order = axes === null ? axesOf(null, a.shape.length).reverse() : axesOf(axes, a.shape.length);
  const strides = stridesTo(a.shape, a.shape);
  const shape = order.map((axis) => a.shape[axis]);
  return gathered(a, placesOf(shape, order.map((axis) => strides[axis])), shape);
}

export function broadcastTo(a, shape) {
  const lead = shape.length - a.shape.length;
  const to = shape.map((size, axis) => (size === -1 ? a.shape[axis - lead] : size));
  if (broadcastShapes(a.shape, to).some((size, axis) => size !== to[axis])) {
    throw new RangeError(`(${a.shape}) does not broadcast to (${to})`);
  }
  return gathered(a, placesOf(to, stridesTo(a.shape, to)), to);
}

export function sumTo(a, shape) {
  const h = zeros(shape, a.dtype);
  const places = placesOf(a.shape, stridesTo(shape, a.shape));
  for (let i = 0; i < places.length; i++) h.data[places[i]] += a.data[i];
  return checked(h);
}

export function fitTo(a, shape, axes) {
  const fitted = axesOf(axes, a.shape.length);
  const to = a.shape.map((size, axis) => (fitted.includes(axis) ? shape[axis] : size));
  const h = zeros(to, a.dtype), common = a.shape.map((size, axis) => Math.min(size, to[axis]));
  const from = placesOf(common, stepsOf(a.shape)), into = placesOf(common, stepsOf(to));
  for (let i = 0; i < from.length; i++) h.data[into[i]] = a.data[from[i]];
  return h;
}

// Elements between neighbours along each axis of an array in rows.
export function stepsOf(shape) {
  const steps = new Array(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--) steps[axis] = steps[axis + 1] * shape[axis + 1];
  return steps;
}

export function countAlong(a, axes) {
  return array([axesOf(axes, a.shape.length).reduce((total, axis) => total * a.shape[axis], 1)], [], a.dtype);
}

export function arange(count) {
  return array(Array.from({ length: count }, (_, i) => i), [count], "int64");
}

export function concatenate(axis, dtype, ...arrays) {
  const along = axisOf(axis, arrays[0].shape.length);
  const shape = arrays[0].shape.slice();
  shape[along] = arrays.reduce((total, a) => total + a.shape[along], 0);
  const h = zeros(shape, dtype), rows = sizeOf(shape.slice(0, along)), width = sizeOf(shape.slice(along));
  let start = 0;
  for (const a of arrays) {
    const part = sizeOf(a.shape.slice(along));
    for (let row = 0; row < rows; row++) h.data.set(a.data.subarray(row * part, (row + 1) * part), row * width + start);
    start += part;
  }
  return h;
}

export function stack(axis, dtype, ...arrays) {
  return concatenate(axis, dtype, ...arrays.map((a) => expandDims(a, [axis])));
}

// Parts along an axis, each from one end to the next.
export function parts(a, axis, ends) {
  const along = axisOf(axis, a.shape.length);
  return ends.slice(1).map((stop, i) => {
    const shape = a.shape.with(along, Math.max(stop - ends[i], 0)), steps = stepsOf(a.shape);
    return gathered(a, placesOf(shape, steps, ends[i] * steps[along]), shape);
  });
}

export function splitLike(a, axis, ...likes) {
  const ends = [0];
  for (const like of likes) ends.push(ends.at(-1) + like.shape[axisOf(axis, like.shape.length)]);
  return parts(a, axis, ends);
}

export function splitAt(a, axis, at, uneven) {
  const size = a.shape[axisOf(axis, a.shape.length)], ends = [0];
  if (Array.isArray(at)) {
    ends.push(...at.map((place) => Math.min(place < 0 ? Math.max(place + size, 0) : place, size)), size);
  } else {
    if (size % at && !uneven) throw new RangeError(`an axis of ${size} elements is not ${at} equal parts`);
    for (let i = 0; i < at; i++) ends.push(ends.at(-1) + Math.floor(size / at) + (i < size % at));
  }
  return parts(a, axis, ends);
}

export function unstack(a, axis) {
  const size = a.shape[axisOf(axis, a.shape.length)];
  return parts(a, axis, Array.from({ length: size + 1 }, (_, i) => i)).map((part) => squeeze(part, [axis]));
}

export function flip(a, axes) {
  const turned = axesOf(axes, a.shape.length), steps = stepsOf(a.shape);
  const start = turned.reduce((total, axis) => total + (a.shape[axis] - 1) * steps[axis], 0);
  return gathered(a, placesOf(a.shape, steps.map((step, axis) => (turned.includes(axis) ? -step : step)), start), a.shape);
}

export function roll(a, shifts, axes) {
  if (axes === null) return reshape(roll(reshape(a, [a.data.length]), shifts, [0]), a.shape);
  return axes.reduce((h, axis, i) => {
    const size = h.shape[axisOf(axis, h.shape.length)];
    const cut = size ? (((-shifts[i] % size) + size) % size) : 0;
    const [front, back] = parts(h, axis, [0, cut, size]);
    return concatenate(axis, a.dtype, back, front);
  }, a);
}

export function pad(a, widths, value) {
  const shape = a.shape.map((size, axis) => size + widths[axis][0] + widths[axis][1]);
  const h = zeros(shape, a.dtype), steps = stepsOf(shape);
  h.data.fill(value);
  const places = placesOf(a.shape, steps, widths.reduce((total, [before], axis) => total + before * steps[axis], 0));
  for (let i = 0; i < places.length; i++) h.data[places[i]] = a.data[i];
  return h;
}

export function diagonal(a, offset, axis1, axis2) {
  const ndim = a.shape.length, row = axisOf(axis1, ndim), column = axisOf(axis2, ndim), steps = stepsOf(a.shape);
  const length = Math.max(Math.min(a.shape[row] + Math.min(offset, 0), a.shape[column] - Math.max(offset, 0)), 0);
  const others = axesOf(null, ndim).filter((axis) => axis !== row && axis !== column);
  const start = Math.max(offset, 0) * steps[column] - Math.min(offset, 0) * steps[row];
  const shape = [...others.map((axis) => a.shape[axis]), length];
  return { places: placesOf(shape, [...others.map((axis) => steps[axis]), steps[row] + steps[column]], start), shape };
}

export function takeDiagonal(a, offset, axis1, axis2) {
  const { places, shape } = diagonal(a, offset, axis1, axis2);
  return gathered(a, places, shape);
}

export function onDiagonal(a, like, offset, axis1, axis2) {
  const h = zeros(like.shape, a.dtype);
  diagonal(h, offset, axis1, axis2).places.forEach((place, i) => (h.data[place] = a.data[i]));
  return h;
}

export function diag(a, k) {
  const size = a.shape[0] + Math.abs(k), h = zeros([size, size], a.dtype);
  for (let i = 0; i < a.shape[0]; i++) h.data[(i + Math.max(-k, 0)) * size + i + Math.max(k, 0)] = a.data[i];
  return h;
}

export function triangle(a, k, lower) {
  const [rows, columns] = a.shape.slice(-2), h = zeros(a.shape, a.dtype);
  for (let i = 0; i < h.data.length; i++) {
    const row = Math.floor(i / columns) % rows, column = i % columns;
    if (lower ? column - row <= k : column - row >= k) h.data[i] = a.data[i];
  }
  return h;
}
