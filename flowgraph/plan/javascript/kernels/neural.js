// Parts of neural networks.

function softmax(a, axes, dtype, logarithm = false) {
  const high = a.data.length ? max(a, axes, true) : a;
  const low = map(dtype, (x, y) => x - y, a, high);
  const e = map(dtype, Math.exp, low), total = sum(e, axes, true, dtype);
  if (logarithm) return map(dtype, (x, s) => x - Math.log(s), low, total);
  return map(dtype, (x, s) => x / s, e, total);
}

function label(value, classes) {
  if (!Number.isInteger(value) || value < 0 || value >= classes) {
    throw new RangeError(`label ${value}, needs 0 to ${classes - 1}`);
  }
  return value;
}

function crossEntropy(logits, targets, dtype) {
  const logs = softmax(logits, [-1], dtype, true), classes = logits.shape.at(-1);
  return ofTargets(logs, targets, classes, dtype);
}

function negativeLogLikelihood(f, targets, dtype) {
  return ofTargets(map(dtype, Math.log, f), targets, f.shape.at(-1), dtype);
}

// Minus the logarithms at the labels, or weighed by probabilities, of which a 0 counts for nothing.
function ofTargets(logs, targets, classes, dtype) {
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

function oneHot(labels, like) {
  const h = zeros(like.shape, like.dtype), classes = like.shape.at(-1);
  labels.data.forEach((y, i) => (h.data[i * classes + label(y, classes)] = 1));
  return h;
}

function labelPlaces(labels, like, columns) {
  const classes = like.shape.at(-1), count = labels.data.length;
  const places = Array.from(labels.data, (y, i) => (columns ? i + label(y, classes) * count : i * classes + label(y, classes)));
  return array(places, [count], "int64");
}

function minusAt(a, places, amount, dtype) {
  const h = array(Array.from(a.data), a.shape, dtype);
  for (const place of places.data) h.data[inside(place, h.data.length)] -= amount.data[0];
  return h;
}

function l1(dtype, ...weights) {
  return array([weights.reduce((total, w) => total + w.data.reduce((part, x) => part + Math.abs(x), 0), 0)], [], dtype);
}

function l2(dtype, ...weights) {
  return array([weights.reduce((total, w) => total + w.data.reduce((part, x) => part + x * x, 0), 0)], [], dtype);
}
