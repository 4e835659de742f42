// Settings: what they are, the lessons that set them, the controls that show them.

const DEFAULTS = {
  data: GIVEN.examples ? "own" : "spirals", examples: 200, noise: 0.12, depth: 2, units: [8, 8, 8, 8], activation: "tanh", initial: "glorot",
  method: "sgd", rate: 0.03, schedule: "constant", decay: 0.002, momentum: 0.9, batch: 10, l1: 0, l2: 0, patience: 0, seed: 1, added: [],
};

const LESSONS = {
  spirals: [{ depth: 3, units: [8, 8, 6, 8] }, "Two arms, three layers: look how the first layer draws lines, the second bends them, the third winds them up."],
  vanishing: [{ depth: 4, activation: "sigmoid", units: [6, 6, 6, 6], momentum: 0 }, "Sigmoids let at most a quarter of the gradient pass at each layer: look at the bars, then at layer 1, which hardly moves."],
  "dead ReLU": [{ data: "moons", activation: "relu", rate: 0.6, momentum: 0.9, depth: 2 }, "Long steps push units to where they are 0 for every example: no gradient passes them any more."],
  "equal weights": [{ data: "moons", initial: "equal", depth: 1 }, "All units of the layer start equal, get equal gradients, stay equal: the layer is worth a single unit."],
  "zero weights": [{ data: "moons", initial: "zero", depth: 1 }, "With all weights 0 no gradient reaches below the output."],
  "no hidden layer": [{ data: "circles", depth: 0 }, "Without a hidden layer the boundary is a line, which no circle lets be drawn."],
  "too fast": [{ data: "moons", rate: 3, momentum: 0.9 }, "A learning rate that is too large: the loss jumps about and never settles."],
  overfit: [{ data: "moons", noise: 0.6, examples: 40, depth: 3, units: [8, 8, 8, 8], batch: 5 }, "Few, noisy examples and many units: the validation loss turns while the training loss still falls."],
  "weight decay": [{ data: "moons", noise: 0.6, examples: 40, depth: 3, units: [8, 8, 8, 8], batch: 5, l2: 0.01 }, "The same with λ ΣW²: smaller weights, a smoother boundary."],
  Newton: [{ data: "moons", depth: 1, units: [6, 8, 8, 8], method: "newton" }, "Each update solves (H + μ I) Δ = −∇ on all examples: some twenty steps do what takes SGD thousands. Where the loss is not bowl-shaped, the damping μ grows."],
  "early stopping": [{ data: "moons", noise: 0.6, examples: 40, depth: 3, units: [8, 8, 8, 8], batch: 5, patience: 40 }, "The same, stopped 40 epochs after the best validation loss, of which the parameters are kept."],
};

const LIVE = new Set(["method", "rate", "schedule", "momentum", "batch", "l1", "l2", "patience"]);

const powers = (values) => ({ values, text: (value) => (value === 0 ? "none" : String(value)) });
const OPTIONS = [
  ["Data", [["data", "data", { choice: [...Object.keys(SHAPES), ...(GIVEN.examples ? ["own"] : []), "none"] }], ["examples", "training examples", { values: [20, 40, 60, 100, 150, 200, 300] }], ["noise", "noise", { values: [0, 0.05, 0.12, 0.2, 0.3, 0.45, 0.6] }]]],
  ["Network", [["depth", "hidden layers", { choice: [0, 1, 2, 3, 4] }], ["units", "units of each", "units"], ["activation", "activation g", { choice: ["tanh", "sigmoid", "relu"] }], ["initial", "initial weights", { choice: ["zero", "equal", "glorot"] }]]],
  ["Training", [["method", "method", { choice: ["sgd", "newton"], names: { sgd: "SGD", newton: "Newton" } }], ["rate", "learning rate α", { values: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 0.6, 1, 3] }], ["schedule", "schedule", { choice: ["constant", "hyperbolic", "power"], names: { hyperbolic: "α/(1+δt)", power: "α/tᵟ" } }], ["momentum", "momentum β", { values: [0, 0.5, 0.8, 0.9, 0.95] }], ["batch", "minibatch", { values: [1, 5, 10, 20, 50, 0], text: (v) => (v === 0 ? "all" : v === 1 ? "1: each example" : String(v)) }]]],
  ["Regularisation", [["l1", "L1, λ Σ|W|", powers([0, 1e-4, 1e-3, 3e-3, 1e-2, 3e-2])], ["l2", "L2, λ ΣW²", powers([0, 1e-4, 1e-3, 3e-3, 1e-2, 3e-2])], ["patience", "early stopping, epochs", { values: [0, 10, 20, 40, 80], text: (v) => (v ? String(v) : "off") }]]],
];
const OF_SGD = new Set(["rate", "schedule", "momentum", "batch"]);
const HIDDEN_WHEN_FIXED = new Set(["depth", "units", "activation", "initial"]);

function element(tag, settings = {}, ...children) {
  const made = Object.assign(document.createElement(tag), settings);
  made.append(...children);
  return made;
}

// The controls; `change(name, value)` is called for each change, `lesson(name)` for a lesson. `refused` is why Newton's
// method is not offered.
function buildControls(settings, change, lesson, told, refused) {
  const chips = Object.keys(LESSONS).map((name) => element("button", { textContent: name, onclick: () => lesson(name) }));
  const lessons = element("fieldset", {}, element("legend", { textContent: "Try" }), element("div", { className: "chips" }, ...chips), element("p", { id: "lesson", textContent: told }));
  const groups = OPTIONS.map(([title, options]) => {
    const shown = options.filter(([name]) => !(GIVEN.fixed && HIDDEN_WHEN_FIXED.has(name)));
    const used = shown.filter(([name]) => settings.method !== "newton" || refused || !OF_SGD.has(name));
    const rows = used.map(([name, text, kind]) => (name === "method" ? methodControl(settings, change, refused, kind) : kind === "units" ? unitsControl(settings, change) : kind.choice ? choiceControl(settings, change, name, text, kind) : sliderControl(settings, change, name, text, kind)));
    return rows.length ? element("fieldset", {}, element("legend", { textContent: title }), ...rows) : "";
  });
  document.getElementById("controls").replaceChildren(...(GIVEN.fixed ? [] : [lessons]), ...groups);
}

// SGD or Newton, and why not Newton or what it does.
function methodControl(settings, change, refused, kind) {
  const shown = refused ? { ...settings, method: "sgd" } : settings;
  const control = choiceControl(shown, change, "method", "method", kind, refused ? ["newton"] : []);
  const text = refused ? `Newton is not offered: ${refused}.` : shown.method === "newton" ? "All examples in each update, a step of full length, damped by μ." : "";
  if (text) control.append(element("p", { className: "why", textContent: text }));
  return control;
}

function choiceControl(settings, change, name, text, { choice, names = {} }, without = []) {
  const buttons = choice.map((value) => {
    const on = settings[name] === value;
    const button = element("button", { textContent: names[value] ?? String(value), tabIndex: on ? 0 : -1, onclick: () => change(name, value) });
    button.setAttribute("role", "radio");
    button.setAttribute("aria-checked", String(on));
    button.disabled = without.includes(value);
    return button;
  });
  const group = element("div", { className: choice.length > 4 ? "chips" : "switch" }, ...buttons);
  group.setAttribute("role", "radiogroup");
  group.setAttribute("aria-label", text);
  group.onkeydown = (event) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    event.stopPropagation();
    const offered = choice.filter((value) => !without.includes(value));
    change(name, offered[(offered.indexOf(settings[name]) + by + offered.length) % offered.length], text);
  };
  return element("div", { className: "option" }, element("span", {}, text), group);
}

function sliderControl(settings, change, name, text, { values, text: say = String }) {
  let place = values.indexOf(settings[name]);
  if (place < 0) place = values.findIndex((value) => value >= settings[name]);
  const input = element("input", { type: "range", min: 0, max: values.length - 1, value: Math.max(place, 0), oninput: () => change(name, values[input.value]) });
  input.setAttribute("aria-label", text);
  input.setAttribute("aria-valuetext", say(settings[name]));
  return element("div", { className: "option" }, element("span", {}, text, element("b", { textContent: say(settings[name]) })), input);
}

function unitsControl(settings, change) {
  const set = (k, by) => change("units", settings.units.map((count, i) => (i === k ? Math.max(1, Math.min(8, count + by)) : count)));
  const cells = settings.units.slice(0, settings.depth).map((count, k) => {
    const less = element("button", { textContent: "−", disabled: count === 1, onclick: () => set(k, -1) }), more = element("button", { textContent: "+", disabled: count === 8, onclick: () => set(k, 1) });
    less.setAttribute("aria-label", `layer ${k + 1}: one unit less`);
    more.setAttribute("aria-label", `layer ${k + 1}: one unit more`);
    return element("span", {}, less, ` ${count} `, more);
  });
  return element("div", { className: "option" }, element("span", {}, "units of each"), element("div", { className: "units" }, ...cells));
}
