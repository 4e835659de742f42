// What each unit answers over the plane: a grid of points, pictures of it, the boundary.

const SIDE = 44;
const GRID = (() => {
  const x = new Float64Array(2 * SIDE * SIDE);
  for (let i = 0; i < SIDE * SIDE; i++) {
    x[2 * i] = -1.1 + (2.2 * ((i % SIDE) + 0.5)) / SIDE;
    x[2 * i + 1] = 1.1 - (2.2 * (Math.floor(i / SIDE) + 0.5)) / SIDE;
  }
  return { x, y: new Float64Array(SIDE * SIDE), count: SIDE * SIDE };
})();

function fieldsOf(learner) {
  const values = learner.values(GRID);
  const units = learner.model.columns.map((_, k) => {
    const h = values[`h${k + 1}`], count = h.shape[1] ?? 1;
    return Array.from({ length: count }, (_, unit) => everyOf(h.data, count, unit));
  });
  const f = everyOf(values.f.data, values.f.data.length / GRID.count, values.f.data.length / GRID.count - 1);
  return { units, f };
}

// Every so many elements from one on.
function everyOf(data, step, from) {
  const found = new Float64Array(data.length / step);
  for (let i = 0, place = from; i < found.length; i++, place += step) found[i] = data[place];
  return found;
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function channels(text) {
  const full = text.length === 4 ? text.replace(/[0-9a-f]/gi, "$&$&") : text;
  return [1, 3, 5].map((at) => parseInt(full.slice(at, at + 2), 16));
}

// A field as a picture: paper at 0, one colour to either side; at `scale` a colour is full.
function picture(field, scale, colours) {
  const image = new ImageData(SIDE, SIDE);
  for (let i = 0; i < field.length; i++) {
    const share = Math.max(-1, Math.min(1, field[i] / scale)), end = share < 0 ? colours.minus : colours.plus, part = Math.abs(share);
    for (let k = 0; k < 3; k++) image.data[4 * i + k] = colours.paper[k] + (end[k] - colours.paper[k]) * part;
    image.data[4 * i + 3] = 255;
  }
  const canvas = new OffscreenCanvas(SIDE, SIDE);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

function palette() {
  return { plus: channels(colour("--plus")), minus: channels(colour("--minus")), paper: channels(colour("--card")), grad: channels(colour("--grad")) };
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
