// The network: a tile for each unit, links by their weights, and under them the flow graph in the same columns.

const BOX = 54, FLOW = 150; // a box of the flow graph, and how high it is with the parameters under it
const LEAST_TILES = 230, MOST_TILES = 430, AROUND = 512; // heights: of all tiles of a column, of what else the window shows

// Where everything stands, for a width in pixels.
function layoutOf(learner, width) {
  const columns = learner.model.columns.map((column, k) => ({ ...column, k, units: unitsOf(learner, column) }));
  const { image } = learner.task, inputs = image ? 1 : learner.inputs;
  const slots = columns.length + 2, step = Math.max(width / slots, 64), most = Math.max(2, inputs, ...columns.map((one) => one.units));
  const room = Math.max(LEAST_TILES, Math.min(MOST_TILES, window.innerHeight - AROUND));
  const tile = Math.max(18, Math.min(58, Math.max(step - 62, step / 2), room / most - 8));
  const height = most * (tile + 8) + 30, middle = height / 2 + 12;
  const spots = (slot, units, size = tile) => Array.from({ length: units }, (_, unit) => ({ x: step * (slot + 0.5) - size / 2, y: middle + (unit - (units - 1) / 2) * (size + 8) - size / 2, size }));
  const layers = [{ slot: 0, units: inputs, tiles: image ? spots(0, 1, Math.min(104, step - 12)) : spots(0, inputs) }];
  columns.forEach((column, k) => layers.push({ ...column, slot: k + 1, tiles: spots(k + 1, column.units) }));
  return { layers, tile, step, height, image, width: step * slots, whole: height + FLOW };
}

function unitsOf(learner, column) {
  return column.weights === null ? 1 : learner.parameters[column.weights].shape[1];
}

function drawNetwork(canvas, learner, fields, seen, state) {
  const layout = layoutOf(learner, canvas.parentElement.clientWidth), c = fitted(canvas, layout.width, layout.whole);
  canvas.style.width = `${layout.width}px`;
  const colours = palette(), ink = colour("--ink"), muted = colour("--muted");
  c.textBaseline = "middle";
  layout.layers.forEach((layer, place) => place && drawLinks(c, learner, layout, place, state, colours));
  layout.layers.forEach((layer, place) => {
    const scales = place ? scaleOf(fields.units[place - 1].map(scaleOf)) : 1;
    layer.tiles.forEach((spot, unit) => {
      const field = place ? fields.units[place - 1][unit] : inputField(learner, state, unit), scale = field.length > 1 ? scaleOf(field) : scales;
      drawTile(c, spot, state.view === "gradients" && place ? gradientTile(seen, place, unit, colours) : picture(field, scale, colours));
      const focus = state.unit && state.unit[0] === place && state.unit[1] === unit;
      c.lineWidth = focus ? 3 : 1.2;
      c.strokeStyle = focus ? colour("--plus") : ink;
      rounded(c, spot.x, spot.y, spot.size, spot.size, 5);
      c.stroke();
      if (place) drawBeside(c, learner, state.units?.[place - 1]?.[unit], layout, spot, colours);
      if (place && layer.bias !== null) drawBias(c, learner, layer, spot, unit, layout, colours);
      if (!place && !layout.image) drawCaption(c, GIVEN.features[learner.features[unit]].label, spot, layout);
      if (place === layout.layers.length - 1) drawAnswer(c, learner, fields, unit, spot, layout);
      if (place && state.view === "gradients" && !unitGradient(seen, place, unit)) label(c, "∇ = 0", spot.x + layout.tile / 2, spot.y + layout.tile / 2, muted, 10);
    });
    label(c, place ? (place === layout.layers.length - 1 ? "output" : `layer ${place}`) : "input", layout.step * (layer.slot + 0.5), 9, muted, 12);
  });
  drawFlow(c, learner, layout, seen, state);
  return layout;
}

// A feature over the plane, or the image that is looked at.
function inputField(learner, { example }, unit) {
  return learner.task.image ? example.z : everyOf(learner.grid.z, learner.inputs, unit);
}

// The name of a feature, on paper at the top of its tile.
function drawCaption(c, text, spot, layout) {
  const size = layout.tile < 34 ? 8 : 10;
  c.font = `${size}px system-ui, sans-serif`;
  c.fillStyle = colour("--card");
  c.globalAlpha = 0.85;
  c.fillRect(spot.x + 2, spot.y + 2, Math.min(c.measureText(text).width + 4, layout.tile - 4), size + 3);
  c.globalAlpha = 1;
  label(c, text, spot.x + 4, spot.y + 4 + size / 2, colour("--ink"), size, "left");
}

// To the right of an output: the class that it stands for; of an image its probability.
function drawAnswer(c, learner, fields, unit, spot, layout) {
  const { task } = learner, x = spot.x + layout.tile + 5, y = spot.y + layout.tile / 2;
  if (task.image) label(c, `${unit}  ${share(fields.f[unit][0])}`, x, y, colour("--ink"), 11, "left");
  else if (task.classes && fields.f.length > 1) label(c, targetText(unit, task), x, y, colour(TONES[unit]), 13, "left");
}

function share(probability) {
  return Number.isFinite(probability) ? `${Math.round(100 * probability)} %` : "";
}

function drawTile(c, spot, image) {
  c.save();
  rounded(c, spot.x, spot.y, spot.size, spot.size, 5);
  c.clip();
  if (typeof image === "string") {
    c.fillStyle = image;
    c.fill();
  } else put(c, image, spot.x, spot.y, spot.size);
  c.restore();
}

function rounded(c, x, y, width, height, radius) {
  c.beginPath();
  c.roundRect(x, y, width, height, radius);
}

function label(c, text, x, y, fill, size, align = "center") {
  c.font = `${size}px system-ui, sans-serif`;
  c.textAlign = align;
  c.fillStyle = fill;
  c.fillText(text, x, y);
}

function drawLinks(c, learner, layout, place, state, colours) {
  const layer = layout.layers[place], before = layout.layers[place - 1];
  if (layer.weights === null) return;
  const weights = learner.parameters[layer.weights], units = layer.units, most = scaleOf(weights.data);
  if (layout.image && place === 1) {
    drawBundle(c, layout, before, layer);
    return;
  }
  if (weights.shape[0] !== before.tiles.length) return;
  for (let from = 0; from < before.tiles.length; from++) {
    for (let to = 0; to < units; to++) {
      const weight = weights.data[from * units + to], share = Math.abs(weight) / most;
      const near = !state.unit || (state.unit[0] === place && state.unit[1] === to) || (state.unit[0] === place - 1 && state.unit[1] === from);
      const x = before.tiles[from].x + layout.tile + (state.units?.[place - 2] ? besideWidth(layout) + 3 : 0), y = before.tiles[from].y + layout.tile / 2, u = layer.tiles[to].x, v = layer.tiles[to].y + layout.tile / 2;
      c.beginPath();
      c.moveTo(x, y);
      c.bezierCurveTo((x + u) / 2, y, (x + u) / 2, v, u, v);
      c.lineWidth = 0.4 + 3.6 * share;
      c.setLineDash(weight === 0 ? [2, 3] : []);
      c.strokeStyle = `rgba(${(weight === 0 ? channels(colour("--muted")) : weight < 0 ? colours.minus : colours.plus).join()},${near ? 0.35 + 0.65 * share : 0.06})`;
      c.stroke();
    }
  }
  c.setLineDash([]);
}

// From an image to each unit, which has a weight for each pixel.
function drawBundle(c, layout, before, layer) {
  const [{ x, y, size }] = before.tiles, from = x + size, middle = layout.tile / 2, start = y + size / 2;
  c.strokeStyle = colour("--line");
  c.lineWidth = 1.5;
  for (const spot of layer.tiles) {
    c.beginPath();
    c.moveTo(from, start);
    c.bezierCurveTo((from + spot.x) / 2, start, (from + spot.x) / 2, spot.y + middle, spot.x, spot.y + middle);
    c.stroke();
  }
}

function drawBias(c, learner, layer, spot, unit, layout, colours) {
  const bias = learner.parameters[layer.bias], share = bias.data[unit] / scaleOf(bias.data), end = share < 0 ? colours.minus : colours.plus;
  const mixed = end.map((one, k) => Math.round(colours.paper[k] + (one - colours.paper[k]) * Math.abs(share)));
  c.fillStyle = `rgb(${mixed.join()})`;
  c.strokeStyle = colour("--minus");
  c.lineWidth = 1.2;
  c.beginPath();
  c.rect(spot.x - 4, spot.y + layout.tile - 5, 8, 8);
  c.fill();
  c.stroke();
}

function unitGradient(seen, place, unit) {
  const grad = seen?.[`da${place}`];
  if (!grad) return 0;
  const units = grad.shape[1] ?? 1;
  let total = 0;
  for (let i = unit; i < grad.data.length; i += units) total += grad.data[i] ** 2;
  return Math.sqrt(total / (grad.data.length / units));
}

// A tile of one colour: the unit's gradient against that of the output layer, by powers of ten.
function gradientTile(seen, place, unit, colours) {
  if (!seen) return `rgb(${colours.paper.join()})`; // without examples nothing has a gradient
  const columns = Object.keys(seen).filter((name) => /^da\d+$/.test(name)).length, own = unitGradient(seen, place, unit);
  const reference = rms(seen[`da${columns}`]) || 1, share = own ? Math.max(-1, Math.min(1, Math.log10(own / reference) / 3)) : 0;
  const end = share < 0 ? colours.plus : colours.grad;
  return `rgb(${end.map((one, k) => Math.round(colours.paper[k] + (one - colours.paper[k]) * Math.abs(share))).join()})`;
}

// Boxes in a row: x, a, h ... f, loss, their parameters under them; rms of values or of gradients.
function drawFlow(c, learner, layout, seen, state) {
  const y = layout.height + 40, gradients = state.view === "gradients", tone = gradients ? "--grad" : "--plus";
  const say = (name) => (seen?.[name] ? short(rms(seen[name])) : "");
  let last = null;
  const draw = (x, title, note, number, line, square = false, at = y) => {
    rounded(c, x - BOX / 2, at - 24, BOX, 48, square ? 1 : 9);
    c.fillStyle = colour("--card");
    c.fill();
    c.lineWidth = 1.4;
    c.strokeStyle = line;
    c.stroke();
    label(c, title, x, at - 13, colour("--ink"), 13);
    label(c, note, x, at + 1, colour("--muted"), 10);
    label(c, number, x, at + 14, colour(tone), 10);
    if (at === y) {
      if (last !== null) arrow(c, last + BOX / 2, y, x - BOX / 2, y, gradients);
      last = x;
    }
  };
  const { classes } = learner.task, { answer } = learner.model;
  draw(layout.step * 0.5, "x", layout.image ? "8 × 8" : layout.layers[0].units === 2 ? "input" : `${layout.layers[0].units} feature${layout.layers[0].units === 1 ? "" : "s"}`, "", colour("--plus"));
  layout.layers.slice(1).forEach((layer, i) => {
    const k = i + 1, centre = layout.step * (layer.slot + 0.5), final = k === layout.layers.length - 1, top = superscript(k);
    const spread = Math.min(30, layout.step / 2 - BOX / 2 - 1), pair = spread >= BOX / 2;
    draw(pair ? centre - spread : centre, `a${top}`, layer.units === 1 ? "1 unit" : `${layer.units} units`, say(gradients ? `da${k}` : `a${k}`), colour("--muted"));
    if (pair) draw(centre + spread, final ? "f" : `h${top}`, final ? answer : layer.activation, say(gradients ? `dh${k}` : final ? "f" : `h${k}`), final ? colour("--good") : colour("--muted"));
    const names = [[layer.weights, "W"], [layer.bias, "b"]].filter(([number]) => number !== null);
    names.forEach(([number, letter], side) => {
      const x = names.length === 1 || !pair ? centre : centre + (side ? spread : -spread), shape = learner.parameters[number].shape.join("×");
      if (pair || side === 0) {
        draw(x, `${letter}${top}`, shape, gradients ? say(`dp${number}`) : short(rms(learner.parameters[number])), colour("--minus"), true, y + 72);
        arrow(c, x, y + 48, pair ? centre - spread + (side ? 12 : 0) : centre, y + 24, gradients);
      }
    });
  });
  draw(layout.step * (layout.layers.length + 0.5), "loss", classes ? "−log fᵧ" : "(f − y)²", seen?.loss ? short(seen.loss.data[0]) : "", colour("--grad"));
}

function arrow(c, x, y, u, v, back) {
  const [sx, sy, ex, ey] = back ? [u, v, x, y] : [x, y, u, v], angle = Math.atan2(ey - sy, ex - sx);
  c.strokeStyle = c.fillStyle = colour(back ? "--grad" : "--muted");
  c.lineWidth = 1.2;
  c.beginPath();
  c.moveTo(sx, sy);
  c.lineTo(ex, ey);
  c.stroke();
  c.beginPath();
  c.moveTo(ex, ey);
  for (const turn of [2.7, -2.7]) c.lineTo(ex + 7 * Math.cos(angle + turn), ey + 7 * Math.sin(angle + turn));
  c.fill();
}

function superscript(number) {
  return String(number).replace(/\d/g, (digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit]);
}

function short(number, count) {
  return Number.isFinite(number) ? numberText(number, count) : "diverged";
}
