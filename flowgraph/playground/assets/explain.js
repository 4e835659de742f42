// One step on one example, box by box: formula, the numbers in it, what it means.

class Walk {
  constructor(learner, row) {
    this.learner = learner;
    this.row = row;
    this.place = 0;
    this.example = rowsOf(learner.train, [row]);
    this.seen = learner.look(this.example);
    this.steps = this.listed();
  }

  listed() {
    const { task, model } = this.learner, { columns } = model, last = columns.length, steps = [], y = targetText(this.example.y[0], task);
    const of = task.classes ? "" : " of numbers";
    const parameter = (number) => this.learner.parameters[number];
    const before = (k) => (k === 1 ? array(this.example.z, [this.learner.inputs], "float64") : this.seen[`h${k - 1}`]);
    columns.forEach((column, i) => {
      const k = i + 1, top = superscript(k);
      steps.push({ title: `a${top}.fprop`, formula: "a", text: "Each unit adds up what comes in, by its weights, and its bias.", numbers: [[k === 1 ? "x" : `h${superscript(k - 1)}`, before(k)], [`W${top}`, parameter(column.weights)], ...(column.bias === null ? [] : [[`b${top}`, parameter(column.bias)]]), [`a${top}`, this.seen[`a${k}`]]] });
      if (k < last) steps.push({ title: `h${top}.fprop`, formula: `h of ${column.kind}`, text: `The activation, ${column.activation}, of each unit by itself.`, numbers: [[`a${top}`, this.seen[`a${k}`]], [`h${top}`, this.seen[`h${k}`]]] });
    });
    steps.push({ title: "f.fprop", formula: `f${of}`, text: task.classes ? "The output: a probability for each class." : "The output is the sum itself.", numbers: [["f", this.seen.f]] });
    steps.push({ title: "loss.fprop", formula: `loss${of}`, text: `The target is ${y}: the loss is ${task.classes ? "minus the logarithm of its probability" : "the square of the distance to it"}.`, numbers: [["loss", this.seen.loss]] });
    for (let k = last; k >= 1; k--) {
      const column = columns[k - 1], top = superscript(k);
      if (k === last) steps.push({ title: `a${top}.bprop`, formula: task.classes ? "da of the output" : "da of numbers", text: task.classes ? "What is too much and too little of each class comes back." : "Twice the distance to the target comes back.", numbers: [[`∇a${top}`, this.seen[`da${k}`]]] });
      else {
        steps.push({ title: `h${top}.bprop`, formula: "dh", text: "Each unit gets the gradients of those that read it, by the weights to them.", numbers: [[`W${superscript(k + 1)}`, parameter(columns[k].weights)], [`∇a${superscript(k + 1)}`, this.seen[`da${k + 1}`]], [`∇h${top}`, this.seen[`dh${k}`]]] });
        steps.push({ title: `a${top}.bprop`, formula: `da of ${column.kind}`, text: "The slope of the activation lets the gradient pass, or stops it.", numbers: [[`h${top}`, this.seen[`h${k}`]], [`∇a${top}`, this.seen[`da${k}`]]] });
      }
      steps.push({ title: `W${top}.bprop`, formula: "dW", text: "The gradient of a weight: what came in times what comes back.", numbers: [[k === 1 ? "x" : `h${superscript(k - 1)}`, before(k)], [`∇W${top}`, this.seen[`dp${column.weights}`]]] });
      if (column.bias !== null) steps.push({ title: `b${top}.bprop`, formula: "db", text: "The gradient of a bias is what comes back.", numbers: [[`∇b${top}`, this.seen[`dp${column.bias}`]]] });
    }
    const { rate, settings, rule } = this.learner, [method] = rule.split(" ");
    steps.push({ title: "update", formula: `update of ${method}`, text: `With α = ${short(rate)}${method === "momentum" ? ` and β = ${exactText(settings.momentum)}` : ""}, the loss of this example goes from ${short(this.seen.loss.data[0])} to ${short(this.after())}.`, numbers: [] });
    return steps;
  }

  // The loss of the example after an update on it alone.
  after() {
    const kept = this.learner.parameters;
    this.learner.parameters = this.learner.stepped(this.seen).parameters;
    const loss = this.learner.measure(this.example).loss;
    this.learner.parameters = kept;
    return loss;
  }

  show(card, actions) {
    const step = this.steps[this.place];
    const make = (tag, text, settings = {}) => Object.assign(document.createElement(tag), { textContent: text, ...settings });
    const formula = document.createElement("div");
    formula.innerHTML = GIVEN.formulas[step.formula] ?? "";
    const numbers = step.numbers.map(([name, value]) => make("div", matrix(name, value), { className: "numbers" }));
    const nav = document.createElement("nav");
    const back = make("button", "Back", { disabled: this.place === 0, onclick: () => actions.go(-1) });
    const on = this.place === this.steps.length - 1 ? make("button", "Take this step", { className: "primary", onclick: actions.take }) : make("button", "Next", { className: "primary", onclick: () => actions.go(1) });
    nav.append(back, on, make("span", `${this.place + 1} of ${this.steps.length}`), make("button", "Close", { onclick: actions.close }));
    card.replaceChildren(make("h2", step.title), make("p", step.text), formula, ...numbers, nav);
  }
}

// A matrix in rows, at most eight by eight.
function matrix(name, a) {
  const columns = a.shape.at(-1) ?? 1, rows = a.data.length / columns, most = 8, lines = [];
  for (let i = 0; i < Math.min(rows, most); i++) {
    const row = Array.from(a.data.slice(i * columns, i * columns + Math.min(columns, most)), (x) => (Number.isFinite(x) ? signText((Number(x.toFixed(3)) || 0).toFixed(3)).padStart(8) : " diverged"));
    lines.push((i === 0 ? `${name} = `.padStart(7) : " ".repeat(7)) + row.join("") + (columns > most ? " …" : ""));
  }
  return lines.join("\n") + (rows > most ? "\n        …" : "");
}
