// Indexing as NumPy's: slices, whole numbers, new axes, arrays of whole numbers and masks.
import { array, broadcastShapes, checked, gathered, placesOf, sizeOf, stridesTo, zeros } from "./arrays.js";
import { axisOf, broadcastTo, stepsOf } from "./shapes.js";

// The places in `shape` that an index takes, and the shape that it leaves. An entry is a number, null for a new axis,
// [start, stop, step] for a slice, or an array.
export function taken(shape, index) {
  const steps = stepsOf(shape), { own, arrays, front, start } = readIndex(shape, steps, index);
  if (!arrays.length) {
    const sizes = own.map((axis) => axis.size);
    return { places: placesOf(sizes, own.map((axis) => axis.step), start), shape: sizes };
  }
  const common = broadcastShapes(...arrays.map((one) => one.numbers.shape));
  const lists = arrays.map((one) => gathered(one.numbers, placesOf(common, stridesTo(one.numbers.shape, common)), common));
  const offsets = new Int32Array(sizeOf(common));
  lists.forEach((list, k) => {
    for (let i = 0; i < offsets.length; i++) offsets[i] += inside(list.data[i], arrays[k].size) * arrays[k].step;
  });
  const before = own.slice(0, front), after = own.slice(front);
  const outer = placesOf(before.map((axis) => axis.size), before.map((axis) => axis.step), start);
  const inner = placesOf(after.map((axis) => axis.size), after.map((axis) => axis.step));
  const result = [...before.map((axis) => axis.size), ...common, ...after.map((axis) => axis.size)];
  const places = new Int32Array(sizeOf(result));
  let i = 0;
  for (const first of outer) for (const offset of offsets) for (const last of inner) places[i++] = first + offset + last;
  return { places, shape: result };
}

export function readIndex(shape, steps, index) {
  const own = [], arrays = [];
  let start = 0, axis = 0, front = 0, last = -1, apart = false;
  const listed = index.some((entry) => entry?.data);
  index.forEach((entry, position) => {
    if (entry === null) return own.push({ size: 1, step: 0 });
    if (Array.isArray(entry)) {
      const { first, count, by } = sliced(entry, shape[axis]);
      own.push({ size: count, step: by * steps[axis] });
      start += count ? first * steps[axis] : 0;
      return axis++;
    }
    if (!listed) return (start += inside(entry, shape[axis]) * steps[axis++]);
    if (last < 0) front = own.length;
    else if (position !== last + 1) apart = true;
    last = position;
    for (const numbers of entry?.dtype === "bool" ? nonzero(entry) : [entry?.data ? entry : array([entry], [], "int64")]) {
      arrays.push({ numbers, size: shape[axis], step: steps[axis] });
      axis++;
    }
  });
  for (; axis < shape.length; axis++) own.push({ size: shape[axis], step: steps[axis] });
  return { own, arrays, front: apart ? 0 : front, start };
}

export function inside(place, size) {
  if (place < -size || place >= size) throw new RangeError(`index ${place} on an axis of ${size} elements`);
  return place < 0 ? place + size : place;
}

export function sliced([start, stop, step], size) {
  const by = step ?? 1, low = by < 0 ? -1 : 0, high = by < 0 ? size - 1 : size;
  const place = (given, otherwise) => {
    if (given === null) return otherwise;
    return Math.min(Math.max(given < 0 ? given + size : given, low), high);
  };
  const first = place(start, by < 0 ? high : low), end = place(stop, by < 0 ? low : high);
  return { first, count: Math.max(Math.ceil((end - first) / by), 0), by };
}

export function nonzero(a) {
  const steps = stepsOf(a.shape), found = [];
  a.data.forEach((value, place) => value && found.push(place));
  return a.shape.map((size, axis) => array(found.map((place) => Math.floor(place / steps[axis]) % size), [found.length], "int64"));
}

export function index(a, entries) {
  const { places, shape } = taken(a.shape, entries);
  return gathered(a, places, shape);
}

export function indexAdd(a, like, entries) {
  const { places, shape } = taken(like.shape, entries);
  const h = zeros(like.shape, a.dtype), b = broadcastTo(a, shape);
  for (let i = 0; i < places.length; i++) h.data[places[i]] += b.data[i];
  return checked(h);
}

export function setAt(a, value, entries, dtype) {
  const { places, shape } = taken(a.shape, entries);
  const h = array(Array.from(a.data), a.shape, dtype), b = broadcastTo(value, shape);
  for (let i = 0; i < places.length; i++) h.data[places[i]] = b.data[i];
  return h;
}

// For each element of `numbers`, its place in an array of `shape` where the axis has that number.
export function placesAlong(shape, numbers, axis) {
  const along = axisOf(axis, shape.length), steps = stepsOf(shape), rows = stridesTo(shape, shape);
  const common = broadcastShapes(shape.with(along, 1), numbers.shape.with(along, 1)).with(along, numbers.shape[along]);
  const list = placesOf(common, stridesTo(numbers.shape, common));
  const places = placesOf(common, rows.with(along, 0));
  for (let i = 0; i < places.length; i++) places[i] += inside(numbers.data[list[i]], shape[along]) * steps[along];
  return { places, shape: common };
}

export function takeAlong(a, numbers, axis) {
  const { places, shape } = placesAlong(a.shape, numbers, axis);
  return gathered(a, places, shape);
}

export function argSort(a, axis) {
  return alongAxis(a, axis, "int64", (line) => {
    const order = Array.from(line.keys());
    return order.sort((i, j) => (line[i] < line[j] || (line[j] !== line[j] && line[i] === line[i]) ? -1 : line[i] === line[j] || line[i] !== line[i] ? i - j : 1));
  });
}

// A function of each line along an axis that gives a line of the same length.
export function alongAxis(a, axis, dtype, f) {
  const along = axisOf(axis, a.shape.length), h = zeros(a.shape, dtype), size = a.shape[along];
  const step = stepsOf(a.shape)[along];
  const line = new Float64Array(size);
  for (const start of placesOf(a.shape.with(along, 1), stepsOf(a.shape))) {
    for (let i = 0; i < size; i++) line[i] = a.data[start + i * step];
    const values = f(line);
    for (let i = 0; i < size; i++) h.data[start + i * step] = values[i];
  }
  return checked(h);
}
