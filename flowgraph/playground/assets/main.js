// The page: state, the loop of frames, what keys and pointers do.

const $ = (id) => document.getElementById(id);
const SPEEDS = [1, 2, 5, 15, 60, 240, 600, 1500, 4000];
const calm = matchMedia("(prefers-reduced-motion: reduce)");
let settings = structuredClone(DEFAULTS), learner = new Learner(settings), replay = null;
const state = { units: null, playing: false, view: "values", unit: null, walk: null, cross: [0, 0], added: 0, told: "", due: 0, layout: null };
let fields = null, seen = null, last = 0, wordsAt = 0, curvesAt = 0, spokenAt = 0, unitsAt = 0, addressAt = 0;

function look() {
  const rows = learner.rows ?? Array.from({ length: Math.min(learner.train.count, 50) }, (_, i) => i);
  seen = learner.train.count ? learner.look(rowsOf(learner.train, rows)) : null;
}

function draw(now = performance.now(), everything = true) {
  fields = fieldsOf(learner);
  if (state.view === "gradients" || everything || now - wordsAt > 240) look();
  if (everything || now - unitsAt > 300) {
    state.units = unitsSeen(learner);
    unitsAt = now;
  }
  state.layout = drawNetwork($("net"), learner, fields, seen, state);
  $("beside").textContent = besideText(state.layout);
  drawPlane($("plane"), learner, fields, state);
  if (everything || now - curvesAt > 80) {
    drawCurves(learner);
    curvesAt = now;
  }
  if (everything || now - wordsAt > 240) {
    showWords(learner, seen);
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
  closeWalk();
  state.unit = null;
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
}

function change(name, value, group) {
  replay?.stop();
  settings = { ...settings, [name]: value };
  if (LIVE.has(name)) {
    learner.act(name, value);
    settings = learner.settings;
  } else restart();
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
  $("explain").setAttribute("aria-pressed", "true");
  $("walkCard").hidden = false;
  $("wordsCard").hidden = true;
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
  $("explain").setAttribute("aria-pressed", "false");
  $("walkCard").hidden = true;
  $("wordsCard").hidden = false;
}

function addPoint([u, v], y) {
  if (settings.added.length >= 500) return;
  replay?.stop();
  learner.act("point", [...[u, v].map((one) => Number(one.toFixed(3))), y]);
  settings = learner.settings;
  refresh();
}

function pointOf(event) {
  const box = $("plane").getBoundingClientRect();
  return [((event.clientX - box.left) / box.width) * 2.2 - 1.1, 1.1 - ((event.clientY - box.top) / box.height) * 2.2];
}

$("plane").onclick = (event) => (state.walk ? openWalk(nearest(learner, pointOf(event))) : addPoint(pointOf(event), event.shiftKey ? 1 - state.added : state.added));
$("plane").onkeydown = (event) => {
  const by = { ArrowLeft: [-0.05, 0], ArrowRight: [0.05, 0], ArrowUp: [0, 0.05], ArrowDown: [0, -0.05] }[event.key];
  if (by) state.cross = state.cross.map((one, i) => Math.max(-1.1, Math.min(1.1, one + by[i])));
  else if (event.key === "Enter") addPoint(state.cross, event.shiftKey ? 1 : 0);
  else return;
  event.preventDefault();
  event.stopPropagation();
  draw();
};
$("net").onpointermove = (event) => lookAt(tileAt(event));
$("net").onpointerleave = () => lookAt(null);
$("net").onclick = (event) => lookAt(tileAt(event));
$("net").onkeydown = (event) => {
  const layers = state.layout.layers, [layer, unit] = state.unit ?? [0, 0];
  const next = { ArrowLeft: [layer - 1, unit], ArrowRight: [layer + 1, unit], ArrowUp: [layer, unit - 1], ArrowDown: [layer, unit + 1] }[event.key];
  if (!next || !layers[next[0]]) return;
  event.preventDefault();
  event.stopPropagation();
  const count = layers[next[0]].tiles.length;
  lookAt([next[0], (next[1] + count) % count]);
};

function tileAt(event) {
  const box = $("net").getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top, { layers, tile } = state.layout;
  for (let layer = 0; layer < layers.length; layer++) {
    const unit = layers[layer].tiles.findIndex((spot) => x >= spot.x && x <= spot.x + tile && y >= spot.y && y <= spot.y + tile);
    if (unit >= 0) return [layer, unit];
  }
  return null;
}

function lookAt(unit) {
  if (JSON.stringify(unit) === JSON.stringify(state.unit)) return;
  state.unit = unit;
  $("planeTitle").textContent = unit && unit[0] ? `layer ${unit[0]}, unit ${unit[1] + 1}` : "f(x)";
  showNote();
  if (!state.playing) draw();
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
for (const [id, value] of [["addA", 0], ["addB", 1]]) {
  $(id).onclick = () => {
    state.added = value;
    for (const other of ["addA", "addB"]) $(other).setAttribute("aria-checked", String(other === id));
  };
}
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
    g: () => setView(state.view === "values" ? "gradients" : "values"), e: () => $("explain").click(), Escape: () => (replay && !replay.over ? replay.stop() : state.walk && (closeWalk(), draw())),
  };
  if (!keys[event.key]) return;
  event.preventDefault();
  keys[event.key]();
};
window.onhashchange = () => open(location.hash);
new ResizeObserver(() => requestAnimationFrame(() => !state.playing && draw())).observe(document.querySelector("main"));
$("speed").oninput();
open(location.hash);
