// Reductions over axes; null stands for all.
import { checked, ofWhole, placesOf, zeros } from "./arrays.js";
import { alongAxis } from "./indexing.js";
import { maximum } from "./numbers.js";
import { axesOf, reshape, stepsOf } from "./shapes.js";

// For each element of the result its line of places; `f` makes a number of each.
export function reduce(a, axes, keepdims, dtype, f) {
  const gone = axesOf(axes, a.shape.length), steps = stepsOf(a.shape);
  const kept = a.shape.map((size, axis) => (gone.includes(axis) ? 1 : size));
  const starts = placesOf(kept, steps);
  const inner = placesOf(gone.map((axis) => a.shape[axis]), gone.map((axis) => steps[axis]));
  const h = zeros(keepdims ? kept : kept.filter((_, axis) => !gone.includes(axis)), dtype);
  for (let i = 0; i < starts.length; i++) h.data[i] = f(a.data, starts[i], inner);
  return checked(h);
}

export function sum(a, axes, keepdims, dtype) {
  const whole = ofWhole(dtype);
  return reduce(a, axes, keepdims, dtype, (data, start, places) => {
    let total = 0;
    if (whole) for (let i = 0; i < places.length; i++) total = whole.plus(total, data[start + places[i]]);
    else for (let i = 0; i < places.length; i++) total += data[start + places[i]];
    return total;
  });
}

export function mean(a, axes, keepdims, dtype) {
  return reduce(a, axes, keepdims, dtype, (data, start, places) => {
    let total = 0;
    for (let i = 0; i < places.length; i++) total += data[start + places[i]];
    return total / places.length;
  });
}

export function variance(a, axes, keepdims, dtype, ddof, root) {
  const rounded = a.dtype === "float32" ? Math.fround : (x) => x;  // so that what overflows in NumPy does so here
  return reduce(a, axes, keepdims, dtype, (data, start, places) => {
    let total = 0, squares = 0;
    for (let i = 0; i < places.length; i++) total += data[start + places[i]];
    const centre = rounded(total / places.length);
    for (let i = 0; i < places.length; i++) squares += rounded(rounded(data[start + places[i]] - centre) ** 2);
    const h = squares / Math.max(places.length - ddof, 0);
    return root ? Math.sqrt(h) : h;
  });
}

export function prod(a, axes, keepdims, dtype) {
  const times = ofWhole(dtype)?.times ?? ((x, y) => x * y);
  return reduce(a, axes, keepdims, dtype, (data, start, places) => {
    let total = 1;
    for (let i = 0; i < places.length; i++) total = times(total, data[start + places[i]]);
    return total;
  });
}

export function extreme(a, axes, keepdims, better) {
  return reduce(a, axes, keepdims, a.dtype, (data, start, places) => data[start + places[placeOfExtreme(data, start, places, better)]]);
}

export function placeOfExtreme(data, start, places, better) {
  if (!places.length) throw new RangeError("an extreme of no elements");
  let found = 0;
  for (let i = 1; i < places.length; i++) {
    const best = data[start + places[found]], value = data[start + places[i]];
    if (best === best && (better(value, best) || value !== value)) found = i;
  }
  return found;
}

export function max(a, axes, keepdims) {
  return extreme(a, axes, keepdims, (x, y) => x > y);
}

export function min(a, axes, keepdims) {
  return extreme(a, axes, keepdims, (x, y) => x < y);
}

export function argExtreme(a, axes, keepdims, better) {
  return reduce(a, axes, keepdims, "int64", (data, start, places) => placeOfExtreme(data, start, places, better));
}

export function argMax(a, axes, keepdims) {
  return argExtreme(a, axes, keepdims, (x, y) => x > y);
}

export function argMin(a, axes, keepdims) {
  return argExtreme(a, axes, keepdims, (x, y) => x < y);
}

export function anyTrue(a, axes, keepdims) {
  return reduce(a, axes, keepdims, "bool", (data, start, places) => +places.some((place) => data[start + place] !== 0));
}

export function allTrue(a, axes, keepdims) {
  return reduce(a, axes, keepdims, "bool", (data, start, places) => +places.every((place) => data[start + place] !== 0));
}

export function countNonzero(a, axes, keepdims) {
  return reduce(a, axes, keepdims, "int64", (data, start, places) => places.reduce((n, place) => n + (data[start + place] !== 0), 0));
}

export function logSumExp(a, axes, keepdims, dtype) {
  return reduce(a, axes, keepdims, dtype, (data, start, places) => {
    let high = -Infinity, total = 0;
    for (let i = 0; i < places.length; i++) high = maximum(data[start + places[i]], high);
    if (!Number.isFinite(high)) return high;
    for (let i = 0; i < places.length; i++) total += Math.exp(data[start + places[i]] - high);
    return high + Math.log(total);
  });
}

export function cumulative(a, axis, dtype, name, reverse = false) {
  if (axis === null) return cumulative(reshape(a, [a.data.length]), 0, dtype, name, reverse);
  const step = (ofWhole(dtype) ?? { plus: (x, y) => x + y, times: (x, y) => x * y })[name];
  return alongAxis(a, axis, dtype, (line) => {
    if (reverse) line.reverse();
    for (let i = 1; i < line.length; i++) line[i] = step(line[i - 1], line[i]);
    return reverse ? line.reverse() : line;
  });
}
