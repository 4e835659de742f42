// Beside each hidden unit: where in the plane it is saturated, and what each example asks of it, the slope of its loss.

const SATURATED = 0.1; // of the largest slope of the activation: less lets next to no gradient pass
const DOTS = 120;

// Of every hidden unit the slopes ∇h at the training examples, their mean and rms, and the share that is saturated.
function unitsSeen(learner) {
  if (!learner.train.count) return null;
  const seen = learner.look(learner.train), slopes = learner.slopes(learner.train), plane = learner.grid ? learner.slopes(learner.grid) : null, count = learner.train.count;
  return learner.model.columns.map((column, i) => {
    const grad = seen[`dh${i + 1}`], own = slopes[`s${i + 1}`], everywhere = plane?.[`s${i + 1}`];
    if (!own) return null;
    const units = grad.shape[1] ?? 1, steepest = Math.max(scaleOf(own.data), 1e-12), scale = everywhere ? scaleOf(everywhere.data) : 1;
    return Array.from({ length: units }, (_, unit) => {
      const asked = everyOf(grad.data, units, unit).map((one) => one * count), passed = everyOf(own.data, units, unit);
      const mean = asked.reduce((total, one) => total + one, 0) / count;
      const saturated = passed.filter((one) => Math.abs(one) < SATURATED * steepest).length / count;
      return { asked, mean, size: rms({ data: asked }), saturated, field: everywhere && everyOf(everywhere.data, units, unit), scale, image: null };
    });
  });
}

// What is said of a unit that is looked at.
function unitText(units, looked) {
  const [layer, unit] = looked ?? [0, 0], found = units?.[layer - 1]?.[unit];
  return found ? `layer ${layer}, unit ${unit + 1}: ∇h ${short(found.mean)} (rms ${short(found.size)}), saturated for ${Math.round(100 * found.saturated)} % of the examples` : "";
}

// What stands beside the units, for the legend.
function besideText(layout) {
  if (layout && !besideWidth(layout)) return "bar beside a unit: the share of examples for which it is not saturated";
  return "beside a unit: grey where it is saturated; a dot is an example, its colour the sign of ∇h; above it the mean of that";
}

// How wide the square beside a tile is; 0 where links leave it no room.
function besideWidth({ step, tile, image }) {
  return !image && step - tile >= 62 ? Math.round(Math.min(tile * 0.6, (step - tile) / 2.6)) : 0;
}

// The square and the number above it; the square is made once for all frames until units are looked at again.
function drawBeside(c, learner, found, layout, spot, colours) {
  const side = besideWidth(layout), x = spot.x + layout.tile + 3;
  if (!found) return;
  if (!side) {
    drawMeter(c, found, layout, spot, x);
    return;
  }
  found.image ??= squareOf(learner, found, side, colours);
  c.drawImage(found.image, x, spot.y + layout.tile - side, side, side);
  if (layout.tile - side >= 11) label(c, short(found.mean, 1), x, spot.y + (layout.tile - side) / 2, colour("--grad"), side < 32 ? 8 : 9, "left");
}

// Paper where the unit lets gradient pass, grey where it does not; a dot is an example, its colour the sign of ∇h.
function squareOf(learner, found, side, colours) {
  const density = Math.min(window.devicePixelRatio || 1, 2), square = new OffscreenCanvas(side * density, side * density), c = square.getContext("2d");
  const most = scaleOf(found.asked), every = Math.max(1, Math.ceil(learner.train.count / DOTS));
  c.scale(density, density);
  rounded(c, 0.5, 0.5, side - 1, side - 1, 3);
  c.save();
  c.clip();
  c.drawImage(picture(found.field, found.scale, { plus: colours.paper, minus: colours.paper, paper: channels(colour("--line")) }), 0, 0, side, side);
  for (let i = 0; i < Math.min(learner.train.count, found.asked.length); i += every) {
    const [u, v] = toPixels(learner.train.x[2 * i], learner.train.x[2 * i + 1], side), share = Math.abs(found.asked[i]) / most;
    if (share < 0.05) continue;
    c.fillStyle = `rgba(${(found.asked[i] < 0 ? colours.minus : colours.plus).join()},${0.25 + 0.75 * share})`;
    c.fillRect(u - 1, v - 1, 2.2, 2.2);
  }
  c.restore();
  c.strokeStyle = colour("--muted");
  c.stroke();
  return square;
}

// Where there is no room for a square: a bar as high as the share of examples for which the unit is not saturated.
function drawMeter(c, found, layout, spot, x) {
  const high = layout.tile * (1 - found.saturated);
  c.fillStyle = colour("--line");
  c.fillRect(x, spot.y, 3, layout.tile);
  c.fillStyle = colour("--grad");
  c.fillRect(x, spot.y + layout.tile - high, 3, high);
}
