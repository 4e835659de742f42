// The plane: probabilities, the boundary, the examples; of a unit that is looked at its answer in their place.

function drawPlane(canvas, learner, fields, state) {
  const size = canvas.clientWidth || 300, c = fitted(canvas, size, size), colours = palette();
  const field = state.unit && state.unit[0] > 0 ? fields.units[state.unit[0] - 1][state.unit[1]] : fields.f.map((p) => 2 * p - 1);
  const scale = state.unit && state.unit[0] > 0 ? scaleOf(field) : 1.6;
  c.imageSmoothingEnabled = true;
  c.drawImage(picture(field.map((p) => -p), scale, colours), 0, 0, size, size);
  const cell = size / SIDE;
  for (const [level, width] of [[0, 2.2], [-0.8, 0.7], [0.8, 0.7]]) {
    c.beginPath();
    for (const [[x, y], [u, v]] of contour(field, level)) {
      c.moveTo((x + 0.5) * cell, (y + 0.5) * cell);
      c.lineTo((u + 0.5) * cell, (v + 0.5) * cell);
    }
    c.lineWidth = width;
    c.strokeStyle = colour("--ink");
    c.stroke();
  }
  drawExamples(c, learner.held, size, false, colours);
  drawExamples(c, learner.train, size, true, colours);
  if (state.walk) ring(c, learner, state.walk.row, size);
  if (state.cross && document.activeElement === canvas) cross(c, state.cross, size);
}

function toPixels(x, y, size) {
  return [((x + 1.1) / 2.2) * size, ((1.1 - y) / 2.2) * size];
}

function drawExamples(c, examples, size, filled, colours) {
  for (let i = 0; i < examples.count; i++) {
    const [x, y] = toPixels(examples.x[2 * i], examples.x[2 * i + 1], size), second = examples.y[i] > 0.5;
    c.beginPath();
    if (second) {
      c.moveTo(x, y - 5);
      c.lineTo(x + 4.8, y + 3.6);
      c.lineTo(x - 4.8, y + 3.6);
      c.closePath();
    } else c.arc(x, y, 4, 0, 7);
    const tone = `rgb(${(second ? colours.minus : colours.plus).join()})`;
    c.fillStyle = filled ? tone : "transparent";
    c.fill();
    c.lineWidth = filled ? 1 : 1.2;
    c.strokeStyle = filled ? colour("--card") : tone;
    c.stroke();
  }
}

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
