// Beside each hidden unit: where in the plane it is saturated, and what each example asks of it, the slope of its loss.

const SATURATED = 0.1; // of the largest slope of the activation: less lets next to no gradient pass
const DOTS = 120;

// Of every hidden unit the slopes ∂loss/∂h at the training examples, their mean and rms, and the share that is saturated.
function unitsSeen(learner) {
  if (!learner.train.count) return null;
  const seen = learner.look(learner.train), slopes = learner.values(learner.train), count = learner.train.count;
  return learner.model.columns.map((column, i) => {
    const grad = seen[`dh${i + 1}`], own = slopes[`s${i + 1}`];
    if (!own) return null;
    const units = grad.shape[1] ?? 1, steepest = Math.max(scaleOf(own.data), 1e-12);
    return Array.from({ length: units }, (_, unit) => {
      const asked = everyOf(grad.data, units, unit).map((one) => one * count), passed = everyOf(own.data, units, unit);
      const mean = asked.reduce((total, one) => total + one, 0) / count;
      return { asked, mean, size: rms({ data: asked }), saturated: passed.filter((one) => Math.abs(one) < SATURATED * steepest).length / count };
    });
  });
}

// What is said of a unit that is looked at.
function unitText(units, looked) {
  const [layer, unit] = looked ?? [0, 0], found = units?.[layer - 1]?.[unit];
  return found ? `layer ${layer}, unit ${unit + 1}: ∂loss/∂h ${short(found.mean).replace("-", "−")} (rms ${short(found.size)}), saturated for ${Math.round(100 * found.saturated)} % of the examples` : "";
}

// What stands beside the units, for the legend.
function besideText(layout) {
  if (layout && !besideWidth(layout)) return "bar beside a unit: the share of examples for which it is not saturated";
  return "beside a unit: grey where it is saturated; a dot is an example, its colour the sign of ∂loss/∂h; above it the mean of that";
}

// How wide the square beside a tile is; 0 where links leave it no room.
function besideWidth({ step, tile }) {
  return step - tile >= 62 ? Math.round(Math.min(tile * 0.6, (step - tile) / 2.6)) : 0;
}

// Paper where the unit lets gradient pass, grey where it does not; a dot is an example, its colour the sign of ∂loss/∂h.
function drawBeside(c, learner, fields, found, layout, spot, [place, unit], colours) {
  const field = fields.slopes[place - 1]?.[unit], side = besideWidth(layout);
  if (!field || !found) return;
  const x = spot.x + layout.tile + 3;
  if (!side) {
    drawMeter(c, found, layout, spot, x);
    return;
  }
  const y = spot.y + layout.tile - side, most = Math.max(...found.asked.map(Math.abs)) || 1;
  c.save();
  rounded(c, x, y, side, side, 3);
  c.clip();
  c.drawImage(picture(field, fields.steepest[place - 1], { ...colours, plus: colours.paper, minus: colours.paper, paper: channels(colour("--line")) }), x, y, side, side);
  const every = Math.max(1, Math.ceil(learner.train.count / DOTS));
  for (let i = 0; i < learner.train.count; i += every) {
    const [u, v] = toPixels(learner.train.x[2 * i], learner.train.x[2 * i + 1], side), share = Math.abs(found.asked[i]) / most;
    if (share < 0.05) continue;
    c.fillStyle = `rgba(${(found.asked[i] < 0 ? colours.minus : colours.plus).join()},${0.25 + 0.75 * share})`;
    c.fillRect(x + u - 1, y + v - 1, 2.2, 2.2);
  }
  c.restore();
  c.lineWidth = 1;
  c.strokeStyle = colour("--muted");
  rounded(c, x, y, side, side, 3);
  c.stroke();
  if (layout.tile - side >= 11) label(c, short(found.mean).replace("-", "−"), x, spot.y + (layout.tile - side) / 2, colour("--grad"), side < 32 ? 8 : 9, "left");
}

// Where there is no room for a square: a bar as high as the share of examples for which the unit is not saturated.
function drawMeter(c, found, layout, spot, x) {
  const high = layout.tile * (1 - found.saturated);
  c.fillStyle = colour("--line");
  c.fillRect(x, spot.y, 3, layout.tile);
  c.fillStyle = colour("--grad");
  c.fillRect(x, spot.y + layout.tile - high, 3, high);
}
