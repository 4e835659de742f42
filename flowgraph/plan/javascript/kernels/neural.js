// Parts of neural networks.
import { array, map, sizeOf, zeros } from "./arrays.js";
import { inside } from "./indexing.js";
import { maximum } from "./numbers.js";
import { max, sum } from "./reductions.js";
import { stepsOf } from "./shapes.js";

export function softmax(a, axes, dtype, logarithm = false) {
  const high = a.data.length ? max(a, axes, true) : a;
  const low = map(dtype, (x, y) => x - y, a, high);
  const e = map(dtype, Math.exp, low), total = sum(e, axes, true, dtype);
  if (logarithm) return map(dtype, (x, s) => x - Math.log(s), low, total);
  return map(dtype, (x, s) => x / s, e, total);
}

export function label(value, classes) {
  if (!Number.isInteger(value) || value < 0 || value >= classes) {
    throw new RangeError(`label ${value}, needs 0 to ${classes - 1}`);
  }
  return value;
}

export function crossEntropy(logits, targets, dtype) {
  const logs = softmax(logits, [-1], dtype, true), classes = logits.shape.at(-1);
  return ofTargets(logs, targets, classes, dtype);
}

export function negativeLogLikelihood(f, targets, dtype) {
  return ofTargets(map(dtype, Math.log, f), targets, f.shape.at(-1), dtype);
}

// Minus the logarithms at the labels, or weighed by probabilities, of which a 0 counts for nothing.
export function ofTargets(logs, targets, classes, dtype) {
  const h = zeros(logs.shape.slice(0, -1), dtype), labels = targets.shape.length < logs.shape.length;
  for (let i = 0; i < h.data.length; i++) {
    if (labels) h.data[i] = -logs.data[i * classes + label(targets.data[i], classes)];
    else {
      let total = 0;
      for (let c = i * classes; c < (i + 1) * classes; c++) total -= targets.data[c] === 0 ? 0 : targets.data[c] * logs.data[c];
      h.data[i] = total;
    }
  }
  return h;
}

export function oneHot(labels, like) {
  const h = zeros(like.shape, like.dtype), classes = like.shape.at(-1);
  labels.data.forEach((y, i) => (h.data[i * classes + label(y, classes)] = 1));
  return h;
}

export function labelPlaces(labels, like, columns) {
  const classes = like.shape.at(-1), count = labels.data.length;
  const places = Array.from(labels.data, (y, i) => (columns ? i + label(y, classes) * count : i * classes + label(y, classes)));
  return array(places, [count], "int64");
}

export function minusAt(a, places, amount, dtype) {
  const h = array(Array.from(a.data), a.shape, dtype);
  for (const place of places.data) h.data[inside(place, h.data.length)] -= amount.data[0];
  return h;
}

export function l1(dtype, ...weights) {
  return array([weights.reduce((total, w) => total + w.data.reduce((part, x) => part + Math.abs(x), 0), 0)], [], dtype);
}

export function l2(dtype, ...weights) {
  return array([weights.reduce((total, w) => total + w.data.reduce((part, x) => part + x * x, 0), 0)], [], dtype);
}

// Losses of two classes, which refuse targets that are none.
export function binaryCrossEntropy(logits, targets, dtype) {
  refuseUnless(targets, (y) => y >= 0 && y <= 1, "0 to 1");
  const rounded = logits.dtype === "float32" ? Math.fround : (x) => x;  // also where targets widen the sum
  const excess = (a) => rounded(Math.log1p(rounded(Math.exp(-Math.abs(a)))));
  return map(dtype, (a, y) => Math.max(a, 0) - a * y + excess(a), logits, targets);
}

export function hinge(f, targets, dtype) {
  refuseUnless(targets, (y) => y === 1 || y === -1, "-1 or 1");
  return map(dtype, (score, y) => maximum(0, 1 - y * score), f, targets);
}

export function refuseUnless(targets, holds, needed) {
  for (const y of targets.data) if (!holds(y)) throw new RangeError(`target ${y}, needs ${needed}`);
}

// How a window moves over the last axes: for each element of it, for each of its places, the element read, -1 beside
// the array.
export function windows(shape, { size, stride, padding, dilation }) {
  const lead = shape.slice(0, shape.length - size.length), own = shape.slice(lead.length), steps = stepsOf(own);
  const counts = size.map((n, k) => Math.floor((own[k] + padding[k][0] + padding[k][1] - dilation[k] * (n - 1) - 1) / stride[k]) + 1);
  const width = sizeOf(own), images = sizeOf(lead), places = sizeOf(counts), of = indicesOf(counts);
  const reads = indicesOf(size).map((u) => {
    const read = new Int32Array(images * places);
    of.forEach((index, i) => {
      const at = index.map((place, k) => place * stride[k] + u[k] * dilation[k] - padding[k][0]);
      const inside = at.every((place, k) => place >= 0 && place < own[k]);
      const offset = inside ? at.reduce((total, place, k) => total + place * steps[k], 0) : -1;
      for (let image = 0; image < images; image++) read[image * places + i] = inside ? image * width + offset : -1;
    });
    return read;
  });
  return { reads, shape: [...lead, ...counts] };
}

// The products of a convolution: for each the element of its value, of the filters, and of the array, -1 in the padding.
export function eachProduct(shape, filters, window, groups, visit) {
  const { reads, shape: [images, channels, ...counts] } = windows(shape, window), [count, each] = filters;
  const places = sizeOf(counts), extent = reads.length;
  for (let image = 0; image < images; image++) {
    for (let f = 0; f < count; f++) {
      const first = Math.floor(f / (count / groups)) * each, at = (image * count + f) * places;
      for (let c = 0; c < each; c++) {
        const row = (image * channels + first + c) * places;
        for (let u = 0; u < extent; u++) {
          const of = (f * each + c) * extent + u;
          for (let i = 0; i < places; i++) visit(at + i, of, reads[u][row + i]);
        }
      }
    }
  }
}

export function convolve(x, w, window, groups, dtype) {
  const { shape: [images, , ...counts] } = windows(x.shape, window), h = zeros([images, w.shape[0], ...counts], dtype);
  eachProduct(x.shape, w.shape, window, groups, (i, f, j) => { h.data[i] += w.data[f] * (j < 0 ? 0 : x.data[j]); });
  return h;
}

export function convolutionByInput(g, w, like, window, groups, dtype) {
  const h = zeros(like.shape, dtype);
  eachProduct(like.shape, w.shape, window, groups, (i, f, j) => { if (j >= 0) h.data[j] += w.data[f] * g.data[i]; });
  return h;
}

export function convolutionByFilters(g, x, like, window, groups, dtype) {
  const h = zeros(like.shape, dtype);
  eachProduct(x.shape, like.shape, window, groups, (i, f, j) => { h.data[f] += g.data[i] * (j < 0 ? 0 : x.data[j]); });
  return h;
}

export function indicesOf(shape) {
  const steps = stepsOf(shape);
  return Array.from({ length: sizeOf(shape) }, (_, i) => shape.map((size, axis) => Math.floor(i / steps[axis]) % size));
}

// The largest of each window, and of how many elements.
export function largest(source, window) {
  const { reads, shape } = windows(source.shape, window);
  const h = zeros(shape, source.dtype), ties = new Int32Array(h.data.length);
  for (let i = 0; i < h.data.length; i++) {
    let best = -Infinity;
    for (const read of reads) if (read[i] >= 0) best = maximum(source.data[read[i]], best);
    for (const read of reads) ties[i] += read[i] >= 0 && source.data[read[i]] === best;
    h.data[i] = best;
  }
  return { h, ties, reads };
}

export function maxPool(a, window) {
  return largest(a, window).h;
}

export function spreadToLargest(g, source, window) {
  const { h: best, ties, reads } = largest(source, window), h = zeros(source.shape, g.dtype);
  for (const read of reads) {
    for (let i = 0; i < g.data.length; i++) {  // multiplied, as NumPy does, so that NaN and infinity are seen everywhere
      if (read[i] >= 0) h.data[read[i]] += (g.data[i] / Math.max(ties[i], 1)) * (source.data[read[i]] === best.data[i]);
    }
  }
  return h;
}

export function meanOfLargest(a, source, window) {
  const { h: best, ties, reads } = largest(source, window), h = zeros(best.shape, a.dtype);
  for (const read of reads) {
    for (let i = 0; i < h.data.length; i++) {
      if (read[i] >= 0 && source.data[read[i]] === best.data[i]) h.data[i] += a.data[read[i]] / ties[i];
    }
  }
  return h;
}

export function counted(reads, countPadding, i) {
  return countPadding ? reads.length : reads.reduce((total, read) => total + (read[i] >= 0), 0);
}

export function meanPool(a, window, countPadding, dtype) {
  const { reads, shape } = windows(a.shape, window), h = zeros(shape, dtype);
  for (let i = 0; i < h.data.length; i++) {
    let total = 0;
    for (const read of reads) if (read[i] >= 0) total += a.data[read[i]];
    h.data[i] = total / counted(reads, countPadding, i);
  }
  return h;
}

export function spreadEvenly(g, like, window, countPadding) {
  const { reads } = windows(like.shape, window), h = zeros(like.shape, g.dtype);
  for (const read of reads) {
    for (let i = 0; i < g.data.length; i++) if (read[i] >= 0) h.data[read[i]] += g.data[i] / counted(reads, countPadding, i);
  }
  return h;
}
