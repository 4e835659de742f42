// Settings: what they are, the lessons that set them, the controls that show them.

const OF_OWN = GIVEN.fixed ? GIVEN.variants.own.classes : null; // how many classes a graph of the user has, 0 for numbers
const DEFAULTS = {
  data: GIVEN.examples ? "own" : OF_OWN === 0 ? "hills" : "spirals", classes: OF_OWN || 2, examples: 200, noise: 0.12, features: ["x1", "x2"], depth: 2, units: [8, 8, 8, 8], activation: "tanh", initial: "glorot",
  method: "momentum", rate: 0.03, schedule: "constant", momentum: 0.9, batch: 10, l1: 0, l2: 0, patience: 0, seed: 1, added: [],
};

const LESSONS = {
  spirals: [{ depth: 3, units: [8, 8, 6, 8] }, "Two arms, three layers: look how the first layer draws lines, the second bends them, the third winds them up."],
  vanishing: [{ depth: 4, activation: "sigmoid", units: [6, 6, 6, 6], method: "sgd" }, "Sigmoids let at most a quarter of the gradient pass at each layer: look at the bars, then at layer 1, which hardly moves."],
  "dead ReLU": [{ data: "moons", activation: "relu", rate: 0.6, depth: 2 }, "Long steps push units to where they are 0 for every example: no gradient passes them any more."],
  "equal weights": [{ data: "moons", initial: "equal", depth: 1 }, "All units of the layer start equal, get equal gradients, stay equal: the layer is worth a single unit."],
  "zero weights": [{ data: "moons", initial: "zero", depth: 1 }, "With all weights 0 no gradient reaches below the output."],
  "no hidden layer": [{ data: "circles", depth: 0 }, "Without a hidden layer the boundary is a straight line, and no line separates a circle from a ring around it."],
  "linear layers": [{ data: "circles", depth: 3, activation: "linear" }, "Layers without an activation multiply to one matrix: four of them can do no more than one."],
  features: [{ data: "circles", depth: 0, features: ["x1x1", "x2x2"] }, "The same without a hidden layer, but of x₁² and x₂²: a line in the features is an ellipse in the plane."],
  "three classes": [{ classes: 3, noise: 0.05, depth: 2, method: "adam", rate: 0.03 }, "One output for each class: softmax makes probabilities of their scores, and ∇a is f\u00a0−\u00a0e(y)."],
  regression: [{ data: "ripples", depth: 2, method: "adam", rate: 0.01, noise: 0.05 }, "Numbers in place of classes: one linear output, the squared error, and ∇a is twice the distance."],
  digits: [{ data: "digits", depth: 1, examples: 300, method: "adam", rate: 0.01 }, "Images of 8 × 8 pixels: a tile of layer 1 shows the weights of a unit, so what it looks for."],
  Adam: [{ depth: 3, method: "adam", rate: 0.01 }, "Adam divides each number's mean gradient by its root mean square: the steps of all layers are of one size, whatever their gradients are."],
  "too fast": [{ data: "moons", rate: 3 }, "A learning rate that is too large: the loss jumps about and never settles."],
  overfit: [{ data: "moons", noise: 0.6, examples: 40, depth: 3, batch: 5 }, "Few, noisy examples and many units: the validation loss turns while the training loss still falls."],
  "weight decay": [{ data: "moons", noise: 0.6, examples: 40, depth: 3, batch: 5, l2: 0.01 }, "The same with λ ΣW²: smaller weights, a smoother boundary."],
  "early stopping": [{ data: "moons", noise: 0.6, examples: 40, depth: 3, batch: 5, patience: 40 }, "The same, stopped 40 epochs after the best validation loss, of which the parameters are kept."],
  Newton: [{ data: "moons", depth: 1, units: [6, 8, 8, 8], method: "newton" }, "Each update solves (H + μ I) Δ = −∇ on all examples: some twenty steps do what takes SGD thousands. Where the loss is not bowl-shaped, the damping μ grows."],
};

const LIVE = new Set(["method", "rate", "schedule", "momentum", "batch", "l1", "l2", "patience"]);

// What there is to learn, by kind; of a graph of the user only what it can.
const DATA = {
  "classes of points": OF_OWN === 0 ? [] : Object.keys(SHAPES),
  "numbers of points": OF_OWN ? [] : Object.keys(NUMBERS),
  images: GIVEN.fixed ? [] : ["digits"],
  "your points": [...(GIVEN.examples ? ["own"] : []), "none"],
};

const isDrawn = ({ data }) => data !== "own" && data !== "none", isTrained = ({ method }) => method !== "newton";
const powers = (values) => ({ values, text: (value) => (value === 0 ? "none" : exactText(value)) });
// Each option: its name, what stands above it, its values, and `when` it is shown.
const OPTIONS = [
  ["Data", [
    ["data", "", { choice: Object.values(DATA).flat(), groups: DATA }],
    ["classes", "classes", { choice: Array.from({ length: GIVEN.mostClasses - 1 }, (_, i) => i + 2), when: ({ data }) => !GIVEN.fixed && (data in SHAPES || data === "none") }],
    ["examples", "training examples", { values: [20, 40, 60, 100, 150, 200, 300], when: isDrawn }],
    ["noise", "noise", { values: [0, 0.05, 0.12, 0.2, 0.3, 0.45, 0.6], when: ({ data }) => data in SHAPES || data in NUMBERS }],
  ]],
  ["Network", [
    ["features", "features", { several: Object.keys(GIVEN.features), when: ({ data }) => !GIVEN.fixed && data !== "digits" }],
    ["depth", "hidden layers", { choice: [0, 1, 2, 3, 4], when: () => !GIVEN.fixed }],
    ["units", "units of each", { units: true, when: ({ depth }) => !GIVEN.fixed && depth > 0 }],
    ["activation", "activation g", { choice: ["tanh", "sigmoid", "relu", "linear"], when: ({ depth }) => !GIVEN.fixed && depth > 0 }],
    ["initial", "initial weights", { choice: ["zero", "equal", "glorot"], when: () => !GIVEN.fixed }],
  ]],
  ["Training", [
    ["method", "method", { choice: ["sgd", "momentum", "adam", "newton"], names: { sgd: "SGD", adam: "Adam", newton: "Newton" } }],
    ["rate", "learning rate α", { values: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 0.6, 1, 3], when: isTrained }],
    ["schedule", "schedule", { choice: ["constant", "hyperbolic", "power"], names: { hyperbolic: "α/(1+δt)", power: "α/tᵟ" }, when: isTrained }],
    ["momentum", "momentum β", { values: [0.5, 0.8, 0.9, 0.95, 0.99], only: true, when: ({ method }) => method === "momentum" }],
    ["batch", "minibatch", { values: [1, 5, 10, 20, 50, 0], text: (v) => (v === 0 ? "all" : v === 1 ? "1: each example" : String(v)), when: isTrained }],
  ]],
  ["Regularisation", [
    ["l1", "L1, λ Σ|W|", powers([0, 1e-4, 1e-3, 3e-3, 1e-2, 3e-2])],
    ["l2", "L2, λ ΣW²", powers([0, 1e-4, 1e-3, 3e-3, 1e-2, 3e-2])],
    ["patience", "early stopping, epochs", { values: [0, 10, 20, 40, 80], text: (v) => (v ? String(v) : "off") }],
  ]],
];

function element(tag, settings = {}, ...children) {
  const made = Object.assign(document.createElement(tag), settings);
  made.append(...children);
  return made;
}

// The controls; `change(name, value)` is called for each change, `lesson(name)` for a lesson. `refused` is why Newton's
// method is not offered.
function buildControls(settings, change, lesson, told, refused) {
  const chips = Object.keys(LESSONS).map((name) => element("button", { textContent: name, onclick: () => lesson(name) }));
  const lessons = element("fieldset", {}, element("legend", {}, element("h2", { textContent: "Try" })), element("div", { className: "chips" }, ...chips), element("p", { id: "lesson", textContent: told }));
  const used = refused && settings.method === "newton" ? { ...settings, method: "sgd" } : settings;
  const groups = OPTIONS.map(([title, options]) => {
    const rows = options.filter(([, , { when }]) => !when || when(used)).map(([name, text, kind]) => controlOf(used, change, refused, name, text, kind));
    return rows.length ? element("fieldset", {}, element("legend", {}, element("h2", { textContent: title })), ...rows) : "";
  });
  document.getElementById("controls").replaceChildren(...(GIVEN.fixed ? [] : [lessons]), ...groups);
}

function controlOf(settings, change, refused, name, text, kind) {
  if (name === "method") return methodControl(settings, change, refused, kind);
  if (kind.units) return unitsControl(settings, change);
  if (kind.several) return severalControl(settings, change, name, text, kind);
  return kind.choice ? choiceControl(settings, change, name, text, kind) : sliderControl(settings, change, name, text, kind);
}

// The update rules, and why not Newton or what it does.
function methodControl(settings, change, refused, kind) {
  const control = choiceControl(settings, change, "method", "method", kind, refused ? ["newton"] : []);
  const text = refused ? `Newton is not offered: ${refused}.` : settings.method === "newton" ? "All examples in each update, a step of full length, damped by μ." : "";
  if (text) control.append(element("p", { className: "why", textContent: text }));
  return control;
}

function choiceControl(settings, change, name, text, { choice, names = {}, groups = { [text]: choice } }, without = []) {
  const button = (value) => {
    const on = settings[name] === value;
    const made = element("button", { textContent: names[value] ?? String(value), tabIndex: on ? 0 : -1, disabled: without.includes(value), onclick: () => change(name, value) });
    made.setAttribute("role", "radio");
    made.setAttribute("aria-checked", String(on));
    return made;
  };
  const parts = Object.entries(groups).filter(([, values]) => values.length).flatMap(([title, values]) => [
    element("span", {}, title), element("div", { className: choice.length > 3 ? "chips" : "switch" }, ...values.map(button)),
  ]);
  const group = element("div", { className: "option" }, ...parts);
  group.setAttribute("role", "radiogroup");
  group.setAttribute("aria-label", text || name);
  group.onkeydown = (event) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    event.stopPropagation();
    const offered = choice.filter((value) => !without.includes(value));
    change(name, offered[(offered.indexOf(settings[name]) + by + offered.length) % offered.length], text || name);
  };
  return group;
}

// Several of them, at least one.
function severalControl(settings, change, name, text, { several }) {
  const chosen = settings[name], buttons = several.map((value) => {
    const on = chosen.includes(value), next = several.filter((other) => (other === value ? !on : chosen.includes(other)));
    const made = element("button", { textContent: GIVEN.features[value].label, disabled: on && chosen.length === 1, onclick: () => change(name, next) });
    made.setAttribute("aria-pressed", String(on));
    return made;
  });
  const group = element("div", { className: "chips", role: "group" }, ...buttons);
  group.setAttribute("aria-label", text);
  return element("div", { className: "option" }, element("span", {}, text), group);
}

function sliderControl(settings, change, name, text, { values, text: say = exactText }) {
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
