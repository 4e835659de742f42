// The page: state, the loop of frames, what keys and pointers do.

const $ = (id) => document.getElementById(id);
const TITLES = { step: "One update (right arrow)", epoch: "One epoch (shift and right arrow)", explain: "One example through fprop and bprop (e)" };
const SPEEDS = [1, 2, 5, 15, 60, 240, 600, 1500, 4000];
const calm = matchMedia("(prefers-reduced-motion: reduce)");
let settings = structuredClone(DEFAULTS), learner = new Learner(settings), replay = null;
const state = { units: null, playing: false, view: "values", unit: null, chosen: null, walk: null, program: false, example: null, row: 0, cross: [0, 0], added: 0, told: "", due: 0, layout: null };
let fields = null, seen = null, last = 0, wordsAt = 0, curvesAt = 0, spokenAt = 0, unitsAt = 0, addressAt = 0;

function look() {
  const rows = learner.rows ?? Array.from({ length: Math.min(learner.train.count, 50) }, (_, i) => i);
  seen = learner.train.count ? learner.look(rowsOf(learner.train, rows)) : null;
}

function draw(now = performance.now(), everything = true) {
  COLOURS.clear();
  state.example = learner.task.image ? rowsOf(imagesShown(learner, state), [state.walk ? state.walk.row : state.row]) : null;
  fields = fieldsOf(learner, state.example);
  if (state.view === "gradients" || everything || now - wordsAt > 240) look();
  if (everything || now - unitsAt > 300) {
    state.units = unitsSeen(learner);
    unitsAt = now;
  }
  state.layout = drawNetwork($("net"), learner, fields, seen, state);
  $("beside").textContent = besideText(state.layout);
  drawPlane($("plane"), learner, fields, state);
  $("reset").disabled = !learner.updates;
  if (everything || now - curvesAt > 80) {
    drawCurves(learner);
    curvesAt = now;
  }
  if (everything || now - wordsAt > 240) {
    showWords(learner, seen);
    if (state.program) showProgram();
    followWeights(learner, state.chosen);
    $("count").textContent = `epoch ${Math.floor(learner.epoch)}`;
    $("count").title = `${learner.updates.toLocaleString("en")} updates`;
    const count = flat(learner.parameters).length;
    showNote();
    $("net").setAttribute("aria-label", `The network: ${learner.model.columns.length - 1} hidden layers, ${count} parameters; ${sentences(learner, seen).join(" ")}`);
    wordsAt = now;
  }
  if (now - spokenAt > 5000 || (everything && !state.playing)) {
    const { train, held } = learner.history.at(-1);
    $("live").textContent = `Epoch ${Math.floor(learner.epoch)}: mean loss ${lossText(train)}, validation ${lossText(held)}.`;
    spokenAt = now;
  }
}

// Of the unit that is looked at, else of the network.
function showNote() {
  $("netNote").textContent = unitText(state.units, state.unit) || `${flat(learner.parameters).length} parameters, float64`;
}

// The address follows, no more often than browsers let it.
function keepAddress(now = performance.now()) {
  const address = learner.address;
  history.replaceState(null, "", address ? `#${address}` : location.pathname + location.search);
  addressAt = now;
}

// Updates that are due since the last frame, as much of them as fits into its time.
function frame(now) {
  if (!state.playing) return;
  const speed = SPEEDS[$("speed").value];
  state.due = Math.min(state.due + (speed * (now - last)) / 1000, Math.max(1, speed / 10)); // what is late is left out
  last = now;
  const end = performance.now() + 7;
  while (state.due >= 1 && performance.now() < end) {
    if (!learner.advance()) continue;
    state.due--;
    if (learner.isOver) {
      learner.act("best");
      play(false);
      return;
    }
  }
  draw(now, false);
  if (now - addressAt > 2000) keepAddress(now);
  requestAnimationFrame(frame);
}

function press(on) {
  state.playing = on;
  $("play").textContent = on ? "Pause" : "Play";
  $("play").setAttribute("aria-pressed", String(on));
}

function play(on) {
  replay?.stop();
  press(on);
  last = performance.now();
  if (on) requestAnimationFrame(frame);
  else {
    learner.settle();
    shown();
  }
}

// Draws what stands, and says it in the address.
function shown() {
  draw();
  keepAddress();
}

function restart() {
  replay?.stop();
  learner = new Learner(settings);
  settings = learner.settings;
  closeWalk();
  state.unit = null;
  choose(null);
  state.row = 0;
}

// Repeats what an address says.
function open(address) {
  const { settings: own, updates, acts } = fromAddress(address);
  replay?.stop();
  press(false);
  settings = own;
  restart();
  showControls();
  let drawn = -Infinity;
  replay = new Replay(learner, updates, acts, (found) => {
    showReplay(found);
    settings = learner.settings;
    const now = performance.now();
    if (found.over) refresh();
    else if (now - drawn > 250) { draw(now); drawn = now; }
  });
}

function refresh() {
  showControls();
  shown();
}

function showControls() {
  buildControls(settings, change, lesson, state.told, learner.refused);
  $("seed").textContent = `Seed ${settings.seed}`;
  const { image } = learner.task, empty = !learner.train.count;
  for (const id of ["play", "step", "epoch", "explain"]) {
    $(id).disabled = empty;
    $(id).title = empty ? "There are no training examples: add points in the plane, or choose other data" : TITLES[id] ?? "";
  }
  $("program").hidden = GIVEN.fixed;
  $("targets").hidden = image;
  $("targets").replaceChildren(...(image ? [] : targetsOf(learner.task).map(targetButton)));
  showPlaneTitle();
}

// The targets that a point can be added with.
function targetsOf({ classes }) {
  return classes ? Array.from({ length: classes }, (_, k) => k) : [-1, 0, 1];
}

function targetButton(y) {
  const on = targetOf(false) === y, button = element("button", { textContent: learner.task.classes && !learner.task.image ? MARKS[y] : targetText(y, learner.task), title: targetText(y, learner.task), onclick: () => chooseTarget(y) });
  button.setAttribute("role", "radio");
  button.setAttribute("aria-checked", String(on));
  button.setAttribute("aria-label", learner.task.classes ? `add points of class ${learner.task.names ? learner.task.names[y] : y + 1}` : `add points of the number ${targetText(y, learner.task)}`);
  return button;
}

function chooseTarget(y) {
  state.added = y;
  showControls();
}

// The target of the next point: with shift the next class, or the number of the other sign.
function targetOf(shift) {
  const targets = targetsOf(learner.task), y = targets.includes(state.added) ? state.added : targets[0];
  return !shift ? y : learner.task.classes ? (y + 1) % learner.task.classes : -y;
}

// What the plane shows, and by which marks.
function showPlaneTitle() {
  const { classes, image } = learner.task, { unit } = state;
  $("planeTitle").textContent = unit && unit[0] && !image ? `layer ${unit[0]}, unit ${unit[1] + 1}` : image ? (state.walk ? "training images" : "validation images") : "f(x)";
  $("planeNote").textContent = image ? "in the corner: what the network takes it for" : classes ? "filled: training, hollow: validation" : "dark rim: training, light: validation; lines at 0 and ±½";
}

function change(name, value, group) {
  replay?.stop();
  settings = { ...settings, [name]: value };
  if (LIVE.has(name)) {
    learner.act(name, value);
    settings = learner.settings;
  } else {
    state.told = ""; // a lesson says what to see with its own settings
    restart();
  }
  refresh();
  const focused = group && document.querySelector(`[aria-label="${group}"] [aria-checked="true"]`);
  if (focused) focused.focus();
}

function lesson(name) {
  const [changes, told] = LESSONS[name];
  settings = { ...structuredClone(DEFAULTS), ...changes };
  state.told = told;
  restart();
  refresh();
  if (!calm.matches) play(true);
}

function setView(view) {
  state.view = document.body.dataset.view = view;
  for (const [id, own] of [["viewValues", "values"], ["viewGradients", "gradients"]]) $(id).setAttribute("aria-checked", String(own === view));
  $("netTitle").textContent = view === "values" ? "Values" : "Gradients";
  $("heat").hidden = view === "values";
  draw();
}

function openWalk(row) {
  if (!learner.train.count) return;
  play(false);
  state.walk = new Walk(learner, row ?? worst());
  showCards();
  showPlaneTitle();
  showWalk();
}

// The example with the largest loss, which teaches most.
function worst() {
  const [losses] = learner.plan.losses(learner.given(learner.train)).values;
  return losses.data.reduce((found, one, i) => (one > losses.data[found] && Number.isFinite(one) ? i : found), 0);
}

function showWalk() {
  state.walk.show($("walkCard"), { go: goWalk, take: takeStep, close: closeWalk });
  draw();
}

function goWalk(by) {
  state.walk.place = Math.max(0, Math.min(state.walk.steps.length - 1, state.walk.place + by));
  showWalk();
}

function takeStep() {
  learner.act("row", state.walk.row);
  openWalk(state.walk.row);
  keepAddress();
}

function closeWalk() {
  state.walk = null;
  showCards();
  showPlaneTitle();
}

// What stands beside the network: what the gradients say, or a step explained, or the program.
function showCards() {
  const shown = { walkCard: state.walk, programCard: state.program && !state.walk, wordsCard: !state.walk && !state.program };
  for (const [id, on] of Object.entries(shown)) $(id).hidden = !on;
  $("explain").setAttribute("aria-pressed", String(Boolean(state.walk)));
  $("program").setAttribute("aria-pressed", String(state.program));
}

function showProgram() {
  const text = programOf(learner);
  if ($("code").textContent !== text) $("code").textContent = text;
}

function openProgram(on) {
  state.program = on;
  if (on) closeWalk();
  showCards();
  draw();
}

// Where a page may not write to the clipboard the text is selected, for the keys of the system.
async function copyProgram() {
  showProgram();
  try {
    await navigator.clipboard.writeText($("code").textContent);
    $("copied").textContent = "copied";
  } catch {
    getSelection().selectAllChildren($("code"));
    $("copied").textContent = "selected: copy it with your keys";
  }
}

function addPoint([u, v], y) {
  if (settings.added.length >= 500 || learner.task.image) return;
  replay?.stop();
  learner.act("point", [...[u, v].map((one) => Number(one.toFixed(3))), y]);
  settings = learner.settings;
  refresh();
}

function pointOf(event) {
  const box = $("plane").getBoundingClientRect();
  return [((event.clientX - box.left) / box.width) * 2.2 - 1.1, 1.1 - ((event.clientY - box.top) / box.height) * 2.2];
}

$("plane").onclick = (event) => {
  if (learner.task.image) chooseImage(imageAt(event));
  else if (state.walk) openWalk(nearest(learner, pointOf(event)));
  else addPoint(pointOf(event), targetOf(event.shiftKey));
};

function imageAt(event) {
  const box = $("plane").getBoundingClientRect(), at = (offset, size) => Math.max(0, Math.min(ACROSS - 1, Math.floor((offset / size) * ACROSS)));
  return at(event.clientY - box.top, box.height) * ACROSS + at(event.clientX - box.left, box.width);
}

// The image that is looked at, or whose step is explained.
function chooseImage(row) {
  const count = Math.min(imagesShown(learner, state).count, ACROSS * ACROSS);
  if (row < 0 || row >= count) return;
  if (state.walk) openWalk(row);
  else {
    state.row = row;
    draw();
  }
}
$("plane").onkeydown = (event) => {
  const by = { ArrowLeft: [-0.05, 0], ArrowRight: [0.05, 0], ArrowUp: [0, 0.05], ArrowDown: [0, -0.05] }[event.key];
  if (by && learner.task.image) chooseImage((state.walk ? state.walk.row : state.row) + Math.sign(by[0]) - ACROSS * Math.sign(by[1]));
  else if (by) state.cross = state.cross.map((one, i) => Math.max(-1.1, Math.min(1.1, one + by[i])));
  else if (event.key === "Enter") addPoint(state.cross, targetOf(event.shiftKey));
  else return;
  event.preventDefault();
  event.stopPropagation();
  draw();
};
$("net").onpointermove = (event) => lookAt(tileAt(event));
$("net").onpointerleave = () => lookAt(null);
$("net").onclick = (event) => (lookAt(tileAt(event)), choose(tileAt(event)));
$("net").onkeydown = (event) => {
  const layers = state.layout.layers, [layer, unit] = state.unit ?? [0, 0];
  if (event.key === "Enter") {
    choose(state.unit);
    document.querySelector("#weights input")?.focus();
  }
  const next = { ArrowLeft: [layer - 1, unit], ArrowRight: [layer + 1, unit], ArrowUp: [layer, unit - 1], ArrowDown: [layer, unit + 1] }[event.key];
  if (!next || !layers[next[0]]) return;
  event.preventDefault();
  event.stopPropagation();
  const count = layers[next[0]].tiles.length;
  lookAt([next[0], (next[1] + count) % count]);
};

function tileAt(event) {
  const box = $("net").getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top, { layers } = state.layout;
  for (let layer = 0; layer < layers.length; layer++) {
    const unit = layers[layer].tiles.findIndex((spot) => x >= spot.x && x <= spot.x + spot.size && y >= spot.y && y <= spot.y + spot.size);
    if (unit >= 0) return [layer, unit];
  }
  return null;
}

function lookAt(unit) {
  if (JSON.stringify(unit) === JSON.stringify(state.unit)) return;
  state.unit = unit;
  showPlaneTitle();
  showNote();
  if (!state.playing) draw();
}

// The unit whose weights stand under the network.
function choose(unit) {
  state.chosen = unit;
  showWeights(learner, unit, writeWeight);
}

function writeWeight(number, place, value) {
  replay?.stop();
  learner.act("weight", [number, place, value]);
  shown();
}

function present(on) {
  document.body.toggleAttribute("data-present", on);
  $("present").setAttribute("aria-pressed", String(on));
  if (on && (state.walk || state.program)) {
    state.program = false;
    closeWalk();
  }
  draw();
}

$("play").onclick = () => play(!state.playing);
$("step").onclick = () => (play(false), learner.update(), shown());
$("epoch").onclick = () => {
  play(false);
  for (const { passes } = learner; learner.train.count && learner.passes === passes; ) learner.update();
  shown();
};
$("reset").onclick = () => (play(false), restart(), refresh());
$("stop").onclick = () => replay?.stop();
$("seed").onclick = () => change("seed", settings.seed + 1);
$("explain").onclick = () => (state.walk ? (closeWalk(), draw()) : openWalk());
$("viewValues").onclick = () => setView("values");
$("viewGradients").onclick = () => setView("gradients");
$("program").onclick = () => openProgram(!state.program);
$("copy").onclick = copyProgram;
$("present").onclick = () => present(!document.body.hasAttribute("data-present"));
$("theme").onclick = () => {
  const dark = document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  document.documentElement.dataset.theme = dark === "dark" ? "light" : "dark";
  draw();
};
$("speed").oninput = () => ($("speedText").textContent = `${SPEEDS[$("speed").value]} updates/s`);
document.onkeydown = (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || /INPUT|BUTTON/.test(event.target.tagName)) {
    if (event.key !== "Escape") return;
  }
  const keys = {
    " ": () => (state.walk ? goWalk(1) : play(!state.playing)), ArrowRight: () => (state.walk ? goWalk(1) : $(event.shiftKey ? "epoch" : "step").click()),
    ArrowLeft: () => state.walk && goWalk(-1), r: () => $("reset").click(), R: () => $("seed").click(),
    g: () => setView(state.view === "values" ? "gradients" : "values"), c: () => $("program").click(), p: () => $("present").click(), e: () => $("explain").click(), Escape: () => (replay && !replay.over ? replay.stop() : state.walk ? (closeWalk(), draw()) : document.body.hasAttribute("data-present") && present(false)),
  };
  if (!keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
};
window.onhashchange = () => open(location.hash);
new ResizeObserver(() => requestAnimationFrame(() => !state.playing && draw())).observe(document.querySelector("main"));
$("speed").oninput();
open(location.hash);
