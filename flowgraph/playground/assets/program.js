// What is shown as a program in Python, which makes the same updates: the same examples, first weights and minibatches.

const WIDTH = 110; // letters of a line

function programOf(learner) {
  const { task, settings } = learner, epochs = Math.max(1, learner.passes);
  return [
    `# ${GIVEN.install[task.image ? "image" : "points"]}`,
    "import numpy as np",
    "",
    "import flowgraph as fg",
    ...(task.image ? ["from flowgraph.data import digits"] : []),
    "",
    ...(task.image ? imageLines(learner) : pointLines(learner)),
    "",
    ...networkLines(learner),
    "",
    ...(learner.newton ? newtonLines(task, settings, epochs) : fitLines(learner, epochs)),
    "",
  ].join("\n");
}

// A list in lines, as many of its parts in one as there is room for.
function listed(parts) {
  const lines = [];
  for (const part of parts) {
    if (lines.length && lines.at(-1).length + part.length + 2 <= WIDTH) lines[lines.length - 1] += ` ${part},`;
    else lines.push(`    ${part},`);
  }
  return lines;
}

function imageLines({ train }) {
  return [`# ${train.count} of the digits, 8 × 8 pixels from 0 to 16.`, "rows = [", ...listed(train.numbers.map(String)), "]", "X, y = digits()", `X, y = X[rows] / ${DEEPEST}, y[rows]`];
}

function pointLines({ train, task, features }) {
  const points = Array.from({ length: train.count }, (_, i) => `[${train.x[2 * i]}, ${train.x[2 * i + 1]}, ${train.y[i]}]`);
  const made = features.map((name) => GIVEN.features[name].code);
  return [
    `# ${train.count} points: x₁, x₂ and ${task.classes ? "the class" : "the number to learn"}.`,
    ...(points.length ? ["points = np.array([", ...listed(points), "])"] : ["points = np.zeros((0, 3))"]),
    "x1, x2 = points[:, 0], points[:, 1]",
    `X = np.stack([${made.join(", ")}], axis=1)`,
    `y = points[:, 2]${task.classes ? ".astype(int)" : ""}`,
  ];
}

function networkLines({ beginning, settings, task, inputs }) {
  const units = settings.units.slice(0, settings.depth), sizes = [inputs, ...units, task.classes || 1];
  const output = task.classes ? "softmax" : "linear", hidden = units.length ? `, hidden="${settings.activation}"` : "";
  return [`net = fg.MLP([${sizes.join(", ")}]${hidden}, output="${output}")`, ...(settings.initial === "zero" ? zeroLines() : settings.initial === "equal" ? equalLines() : firstLines(beginning))];
}

function zeroLines() {
  return ["for weights in net.weights:", "    weights.value = np.zeros(weights.shape)"];
}

function equalLines() {
  return ["for weights in net.weights:", "    weights.value = np.full(weights.shape, 0.3)"];
}

// Weights that were drawn stand row by row; the biases begin at 0 in both.
function firstLines(beginning) {
  return beginning.filter((one) => one.shape.length === 2).flatMap(({ data, shape: [rows, columns] }, k) => {
    const parts = Array.from({ length: rows }, (_, i) => `[${Array.from(data.subarray(i * columns, (i + 1) * columns)).join(", ")}]`);
    return [`net.weights[${k}].value = np.array([`, ...listed(parts), "])"];
  });
}

function fitLines(learner, epochs) {
  const { settings, rule } = learner, { rate, schedule, batch, l1, l2, seed } = settings;
  const decreasing = GIVEN.schedules[schedule].replace("alpha=1.0", `alpha=${rate}`);
  const given = [
    "net", "(X, y)", `epochs=${epochs}`, `rule=fg.${GIVEN.rules[rule].code}`,
    `learning_rate=${schedule === "constant" ? rate : `fg.schedules.${decreasing}`}`, `batch_size=${batch || "None"}`,
    ...(l1 ? [`l1=${l1}`] : []), ...(l2 ? [`l2=${l2}`] : []), `seed=${seed}`,
  ];
  return [...noteLines(learner), "history = fg.fit(", ...listed(given), ")", "print(history)"];
}

// Where the numbers of the page are those of the program.
function noteLines({ acts, order, passes, updates, history }) {
  if (acts.length) return ["# On the page something was changed on the way; the program trains with what is set now from the beginning."];
  if (!updates) return ["# The page has not begun; the program trains an epoch."];
  if (order.length || !passes) return [`# The page has made ${updates} updates and is within an epoch; the program ends with ${passes ? "the last whole one" : "the first"}.`];
  return [`# The page has made the same ${updates} updates: its mean loss is ${lossText(history.at(-1).train)} now.`];
}

function newtonLines({ classes }, { l1, l2 }, steps) {
  const note = "# Damped Newton steps; flowgraph chooses the damping otherwise than the page, so that numbers differ on the way.";
  if (!l1) return [note, `print(fg.newton(net, (X, y), steps=${steps}${l2 ? `, l2=${l2}` : ""}))`];
  const penalties = `${l1} * fg.L1(*net.weights)${l2 ? ` + ${l2} * fg.L2(*net.weights)` : ""}`;
  return [
    note,
    'x, t = fg.Input("x", shape=("N", X.shape[1])), fg.Input("t", shape=("N", *y.shape[1:]), dtype=y.dtype)',
    `losses = ${classes ? "fg.SoftmaxCrossEntropy(net.logits(x), t)" : "fg.SquaredError(net(x)[:, 0], t)"}`,
    `print(fg.newton(fg.mean(losses) + ${penalties}, {"x": X, "t": y}, steps=${steps}))`,
  ];
}
