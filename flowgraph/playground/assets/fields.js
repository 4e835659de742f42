// What each unit answers, as pictures: over the plane, a grid of points and the boundary; of images weights and values.

const SIDE = 44;
const GRID = (() => {
  const x = new Float64Array(2 * SIDE * SIDE);
  for (let i = 0; i < SIDE * SIDE; i++) {
    x[2 * i] = -1.1 + (2.2 * ((i % SIDE) + 0.5)) / SIDE;
    x[2 * i + 1] = 1.1 - (2.2 * (Math.floor(i / SIDE) + 0.5)) / SIDE;
  }
  return { x, y: new Float64Array(SIDE * SIDE), count: SIDE * SIDE, width: 2 };
})();

// A field for each unit, and for each class its probabilities or the one of numbers. Of images the weights to a unit of
// the first layer are its field, and the value at the image that is looked at that of all others.
function fieldsOf(learner, example) {
  const { task, model } = learner, examples = task.image ? example : learner.grid, values = learner.values(examples);
  const every = ({ data }, rows) => {
    const columns = data.length / rows;
    return Array.from({ length: columns }, (_, unit) => everyOf(data, columns, unit));
  };
  const units = model.columns.map((column, k) => (task.image && k === 0 ? every(learner.parameters[column.weights], PIXELS) : every(values[`h${k + 1}`], examples.count)));
  return { units, f: every(values.f, examples.count) };
}

// Every so many elements from one on.
function everyOf(data, step, from) {
  const found = new Float64Array(data.length / step);
  for (let i = 0, place = from; i < found.length; i++, place += step) found[i] = data[place];
  return found;
}

// Colours of the style by name, each read once in a drawing.
const COLOURS = new Map();

function colour(name) {
  if (!COLOURS.has(name)) COLOURS.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  return COLOURS.get(name);
}

function channels(text) {
  const full = text.length === 4 ? text.replace(/[0-9a-f]/gi, "$&$&") : text;
  return [1, 3, 5].map((at) => parseInt(full.slice(at, at + 2), 16));
}

// A square field as a picture: paper at 0, one colour to either side; at `scale` a colour is full.
function picture(field, scale, colours) {
  const side = Math.sqrt(field.length), image = new ImageData(side, side);
  for (let i = 0; i < field.length; i++) {
    const share = Math.max(-1, Math.min(1, field[i] / scale));
    pixel(image.data, 4 * i, colours.paper, share < 0 ? colours.minus : colours.plus, Math.abs(share));
  }
  return canvasOf(image);
}

// A colour on paper, with a share from 0 to 1; NaN leaves the paper.
function pixel(data, at, paper, end, share) {
  for (let k = 0; k < 3; k++) data[at + k] = paper[k] + (end[k] - paper[k]) * (share || 0);
  data[at + 3] = 255;
}

function canvasOf(image) {
  const canvas = new OffscreenCanvas(image.width, image.height);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

// Draws a picture in a square; pixels of images stay as they are.
function put(c, image, x, y, size) {
  c.imageSmoothingEnabled = image.width >= SIDE;
  c.drawImage(image, x, y, size, size);
}

function palette() {
  return { plus: channels(colour("--plus")), minus: channels(colour("--minus")), paper: channels(colour("--card")), grad: channels(colour("--grad")) };
}

// Classes of points in the plane by colour and mark.
const TONES = ["--plus", "--minus", "--good", "--grad", "--fifth"], MARKS = ["●", "▲", "■", "◆", "✚"], LONGEST_NAME = 8;

// How a target is called.
function targetText(y, { classes, image, names }) {
  if (image || !classes) return exactText(y);
  return names ? `${MARKS[y]} ${names[y].length > LONGEST_NAME ? `${names[y].slice(0, LONGEST_NAME - 1)}…` : names[y]}` : MARKS[y];
}

function scaleOf(field) {
  let most = 0;
  for (const one of field) most = Math.max(most, Math.abs(one));
  return most || 1;
}

// Line segments along which a field has a level, by the corners of each cell.
function contour(field, level) {
  const lines = [], at = (i, j) => field[i * SIDE + j] - level;
  const between = (a, b) => a / (a - b);
  for (let i = 0; i + 1 < SIDE; i++) {
    for (let j = 0; j + 1 < SIDE; j++) {
      const a = at(i, j), b = at(i, j + 1), c = at(i + 1, j + 1), d = at(i + 1, j), cut = [];
      if (a < 0 !== b < 0) cut.push([j + between(a, b), i]);
      if (b < 0 !== c < 0) cut.push([j + 1, i + between(b, c)]);
      if (d < 0 !== c < 0) cut.push([j + between(d, c), i + 1]);
      if (a < 0 !== d < 0) cut.push([j, i + between(a, d)]);
      for (let k = 0; k + 1 < cut.length; k += 2) lines.push([cut[k], cut[k + 1]]);
    }
  }
  return lines;
}

// A canvas as sharp as the screen; gives its context and its size in CSS pixels.
function fitted(canvas, width, height) {
  const density = Math.min(window.devicePixelRatio || 1, 2);
  if (canvas.width !== Math.round(width * density) || canvas.height !== Math.round(height * density)) {
    canvas.width = Math.round(width * density);
    canvas.height = Math.round(height * density);
    canvas.style.height = `${height}px`;
  }
  const context = canvas.getContext("2d");
  context.setTransform(density, 0, 0, density, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}
