// Curves over epochs: train solid, validation dashed, the best epoch dotted.

function drawCurves(learner) {
  const h = learner.history, read = (part, name) => h.map((one) => one[part][name]);
  const best = learner.held.count ? learner.best?.epoch : undefined, at = h.map((one) => one.epoch);
  const lines = (name) => [{ values: read("train", name), tone: "--plus", dash: [] }, { values: read("held", name), tone: "--grad", dash: [5, 3] }];
  const now = h.at(-1), { classes } = learner.task;
  const errorText = ({ error }) => (error === null ? "none" : classes ? `${(100 * error).toFixed(1)} %` : short(error));
  drawCurve("lossCurve", "mean loss", `train ${lossText(now.train)}   validation ${lossText(now.held)}`, at, lines("loss"), best);
  drawCurve("errorCurve", classes ? "error" : "mean |f − y|", `train ${errorText(now.train)}   validation ${errorText(now.held)}`, at, lines("error"), best);
  const newton = learner.newton;
  drawCurve("rateCurve", newton ? "damping μ" : "learning rate α", newton ? short(learner.damping) : convergence(learner.settings), at, [{ values: h.map((one) => one.rate), tone: "--minus", dash: [] }]);
}

// The mean loss of some examples in words: without examples there is none.
function lossText(part) {
  return part.loss === null ? "none" : short(part.loss);
}

// The conditions of Robbins and Monro, under which the minimum of a convex loss is approached.
function convergence({ schedule }) {
  if (schedule === "constant") return "Σα = ∞, Σα² = ∞: no sure convergence";
  return "Σα = ∞, Σα² < ∞: converges";
}

function drawCurve(id, title, note, at, lines, best) {
  const canvas = document.getElementById(id), width = canvas.clientWidth || 300, height = 108, c = fitted(canvas, width, height);
  c.textBaseline = "alphabetic";
  label(c, title, 0, 13, colour("--ink"), 13, "left");
  label(c, note, width, 13, colour("--muted"), 11, "right");
  const finite = lines.flatMap((line) => line.values.filter(Number.isFinite)), top = Math.max(...finite, 1e-9) * 1.05, end = Math.max(at.at(-1), 1);
  const x = (epoch) => 46 + (epoch / end) * (width - 52), y = (value) => 92 - (Math.min(value, top) / top) * 68;
  c.strokeStyle = colour("--line");
  c.lineWidth = 1;
  for (const part of finite.length ? [0, 0.5, 1] : [0]) {
    c.beginPath();
    c.moveTo(46, y(part * top));
    c.lineTo(width - 4, y(part * top));
    c.stroke();
    label(c, short(part * top), 42, y(part * top) + 4, colour("--muted"), 10, "right");
  }
  label(c, "0", 46, 105, colour("--muted"), 10, "left");
  label(c, `epoch ${Math.floor(at.at(-1))}`, width - 4, 105, colour("--muted"), 10, "right");
  for (const line of lines) {
    c.beginPath();
    line.values.forEach((value, i) => Number.isFinite(value) && c.lineTo(x(at[i]), y(value)));
    c.strokeStyle = colour(line.tone);
    c.setLineDash(line.dash);
    c.lineWidth = 1.6;
    c.stroke();
  }
  if (best !== undefined) {
    c.setLineDash([1, 3]);
    c.strokeStyle = colour("--good");
    c.beginPath();
    c.moveTo(x(best), 24);
    c.lineTo(x(best), 92);
    c.stroke();
  }
  c.setLineDash([]);
  canvas.setAttribute("aria-label", `${title}: ${note}`);
}
