// The plane: what the network answers, boundaries, examples; of a unit that is looked at its answer in their place. Of
// images the examples in rows, with what the network takes them for.

const FULL = 1.6; // of a probability or number: at this a colour would be full, so that examples stand out

function drawPlane(canvas, learner, fields, state) {
  const size = canvas.clientWidth || 300, c = fitted(canvas, size, size), colours = palette(), { classes, image } = learner.task;
  if (image) {
    drawImages(c, learner, state, size, colours);
    return;
  }
  const unit = state.unit && state.unit[0] > 0 ? fields.units[state.unit[0] - 1][state.unit[1]] : null;
  const turned = { ...colours, plus: colours.minus, minus: colours.plus }; // as the second class is the positive one
  const margins = !unit && classes ? marginsOf(fields.f) : null;
  if (unit) put(c, picture(unit, scaleOf(unit), turned), 0, 0, size);
  else put(c, margins ? pictureOfClasses(margins, colours) : picture(fields.f[0], FULL, turned), 0, 0, size);
  // each boundary is that of two classes, so those of the first are drawn with the others
  const lines = unit ? [[unit, 0, 2.2]] : margins ? [...margins.slice(1).map((one) => [one, 0, 2.2]), ...margins.map((one) => [one, 0.8, 0.7])] : [[fields.f[0], 0, 2.2], [fields.f[0], 0.5, 0.7], [fields.f[0], -0.5, 0.7]];
  for (const [field, level, width] of lines) drawContour(c, field, level, width, size);
  drawExamples(c, learner.held, learner.task, size, false, colours);
  drawExamples(c, learner.train, learner.task, size, true, colours);
  if (!learner.train.count) drawEmpty(c, size);
  if (state.walk) ring(c, learner, state.walk.row, size);
  if (state.cross && document.activeElement === canvas) cross(c, state.cross, size);
}

function drawEmpty(c, size) {
  c.fillStyle = colour("--card");
  c.fillRect(8, size / 2 - 14, size - 16, 28);
  label(c, "no training examples: click or tap to add some", size / 2, size / 2 + 4, colour("--ink"), Math.min(13, size / 26));
}

// By how much the probability of each class is above the largest of the others; one of two stands for both.
function marginsOf(f) {
  const both = f.length > 1 ? f : [f[0].map((p) => 1 - p), f[0]];
  return both.map((own, k) => own.map((p, i) => p - both.reduce((most, other, j) => (j === k ? most : Math.max(most, other[i])), 0)));
}

function pictureOfClasses(margins, colours) {
  const image = new ImageData(SIDE, SIDE), tones = TONES.map((name) => channels(colour(name)));
  for (let i = 0; i < SIDE * SIDE; i++) {
    const own = margins.findIndex((margin) => margin[i] >= 0);
    pixel(image.data, 4 * i, colours.paper, tones[Math.max(own, 0)], own < 0 ? 0 : margins[own][i] / FULL);
  }
  return canvasOf(image);
}

function drawContour(c, field, level, width, size) {
  const cell = size / SIDE;
  c.beginPath();
  for (const [[x, y], [u, v]] of contour(field, level)) {
    c.moveTo((x + 0.5) * cell, (y + 0.5) * cell);
    c.lineTo((u + 0.5) * cell, (v + 0.5) * cell);
  }
  c.lineWidth = width;
  c.strokeStyle = colour("--ink");
  c.stroke();
}

// The images of the validation set, while a step is explained those of the training set: so many in a row and a column.
const ACROSS = 8;

function imagesShown(learner, state) {
  return state.walk ? learner.train : learner.held;
}

function drawImages(c, learner, state, size, colours) {
  const examples = imagesShown(learner, state), cell = size / ACROSS, count = Math.min(examples.count, ACROSS * ACROSS);
  if (!count) return;
  const found = learner.values(rowsOf(examples, Array.from({ length: count }, (_, i) => i))).f, chosen = state.walk ? state.walk.row : state.row;
  for (let i = 0; i < count; i++) {
    const x = (i % ACROSS) * cell, y = Math.floor(i / ACROSS) * cell, taken = learner.decided(found, i), wrong = taken !== examples.y[i];
    put(c, picture(examples.z.subarray(i * PIXELS, (i + 1) * PIXELS), 1.3, { ...colours, plus: channels(colour("--ink")) }), x + 2, y + 2, cell - 4);
    c.lineWidth = i === chosen ? 3 : 1.5;
    c.strokeStyle = colour(i === chosen ? "--plus" : wrong ? "--grad" : "--line");
    rounded(c, x + 1.5, y + 1.5, cell - 3, cell - 3, 3);
    c.stroke();
    c.fillStyle = colour("--card");
    c.fillRect(x + 3, y + 3, 10, 13);
    label(c, String(taken), x + 8, y + 10, colour(wrong ? "--grad" : "--good"), 11);
  }
}

function toPixels(x, y, size) {
  return [((x + 1.1) / 2.2) * size, ((1.1 - y) / 2.2) * size];
}

// Classes by mark and colour; a number by the colour of a circle.
function drawExamples(c, examples, { classes }, size, filled, colours) {
  const card = colour("--card"), ink = colour("--muted"), tones = TONES.map(colour);
  for (let i = 0; i < examples.count; i++) {
    const [x, y] = toPixels(examples.x[2 * i], examples.x[2 * i + 1], size), target = examples.y[i];
    c.beginPath();
    if (classes) OUTLINES[target](c, x, y);
    else c.arc(x, y, 4, 0, 7);
    const tone = classes ? tones[target] : mixed(colours, target);
    c.fillStyle = filled || !classes ? tone : "transparent";
    c.fill();
    c.lineWidth = filled ? 1 : 1.2;
    c.strokeStyle = !classes ? (filled ? ink : card) : filled ? card : tone;
    c.stroke();
  }
}

// The colour of a number from -1 to 1, as in the plane.
function mixed({ paper, plus, minus }, number) {
  const end = number < 0 ? plus : minus, part = Math.min(1, Math.abs(number));
  return `rgb(${end.map((one, k) => Math.round(paper[k] + (one - paper[k]) * part)).join()})`;
}

// The marks of classes.
const polygon = (corners) => (c, x, y) => {
  corners.forEach(([u, v], i) => (i ? c.lineTo(x + u, y + v) : c.moveTo(x + u, y + v)));
  c.closePath();
};
const OUTLINES = [
  (c, x, y) => c.arc(x, y, 4, 0, 7),
  polygon([[0, -5], [4.8, 3.6], [-4.8, 3.6]]),
  polygon([[-3.7, -3.7], [3.7, -3.7], [3.7, 3.7], [-3.7, 3.7]]),
  polygon([[0, -5.2], [5.2, 0], [0, 5.2], [-5.2, 0]]),
  polygon([[-1.7, -5], [1.7, -5], [1.7, -1.7], [5, -1.7], [5, 1.7], [1.7, 1.7], [1.7, 5], [-1.7, 5], [-1.7, 1.7], [-5, 1.7], [-5, -1.7], [-1.7, -1.7]]),
];

function ring(c, learner, row, size) {
  const [x, y] = toPixels(learner.train.x[2 * row], learner.train.x[2 * row + 1], size);
  c.beginPath();
  c.arc(x, y, 10, 0, 7);
  c.lineWidth = 2.5;
  c.strokeStyle = colour("--grad");
  c.stroke();
}

function cross(c, [u, v], size) {
  const [x, y] = toPixels(u, v, size);
  c.lineWidth = 1.5;
  c.strokeStyle = colour("--ink");
  c.beginPath();
  c.moveTo(x - 8, y);
  c.lineTo(x + 8, y);
  c.moveTo(x, y - 8);
  c.lineTo(x, y + 8);
  c.stroke();
}

function nearest(learner, [u, v]) {
  let found = 0, least = Infinity;
  for (let i = 0; i < learner.train.count; i++) {
    const distance = (learner.train.x[2 * i] - u) ** 2 + (learner.train.x[2 * i + 1] - v) ** 2;
    if (distance < least) [found, least] = [i, distance];
  }
  return found;
}
