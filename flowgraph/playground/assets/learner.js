// The network in training. Every number comes from the functions of MODULES, which are plans.

class Learner {
  constructor(settings) {
    this.task = taskOf(settings);
    const added = settings.added.filter(([, , y]) => isTarget(y, this.task));
    this.settings = added.length === settings.added.length ? settings : { ...settings, added };
    const { depth, activation, seed } = settings;
    this.key = GIVEN.fixed ? "own" : `${depth}/${depth ? activation : "tanh"}/${this.task.loss}`;
    this.model = GIVEN.variants[this.key];
    this.plan = MODULES[this.key];
    this.random = source(seed);
    this.parameters = this.model.parameters.map((one) => this.first(one));
    this.beginning = this.parameters;
    this.memory = this.parameters.map(() => ({}));
    ({ train: this.train, held: this.held } = examplesOf(this.settings, this.task));
    this.train = this.ready(this.train);
    this.held = this.ready(this.held);
    this.grid = this.task.image ? null : this.ready(GRID);
    this.updates = 0;
    this.passes = 0;
    this.order = [];
    this.acts = [];
    this.start = this.settings;
    this.damping = FIRST_DAMPING;
    this.work = null; // of an update that is under way
    this.history = [];
    this.best = null;
    this.note();
  }

  // The features of the points that the network is given, in order of the page.
  get features() {
    return GIVEN.fixed ? ["x1", "x2"] : Object.keys(GIVEN.features).filter((name) => this.settings.features.includes(name));
  }

  get inputs() {
    return this.task.image ? PIXELS : this.features.length;
  }

  // Examples with z, what the network is given of them: their features, or the pixels as they are.
  ready(examples) {
    if (this.task.image) return { ...examples, z: examples.x };
    const names = Object.keys(GIVEN.features), chosen = this.features.map((name) => names.indexOf(name));
    const [found] = FEATURES({ x: array(examples.x, [examples.count, 2]), chosen: asArray(chosen, "int64") }).values;
    return { ...examples, z: found.data };
  }

  // Why Newton's method is not offered; empty where it is.
  get refused() {
    return newtonRefused(this);
  }

  get newton() {
    return this.settings.method === "newton" && !this.refused;
  }

  // The sizes as the page has them, or those of the user's graph.
  shapeOf(one) {
    const sizes = { F: this.inputs, K: this.task.classes };
    return one.shape.map((size) => (typeof size === "number" ? size : sizes[size] ?? this.settings.units[Number(size.slice(1)) - 1]));
  }

  first(one) {
    const shape = this.shapeOf(one);
    if (one.value !== null) return asArray(one.value, "float64");
    const h = zeros(shape, "float64");
    if (shape.length < 2 || this.settings.initial === "zero") return h;
    const limit = Math.sqrt(6 / (shape[0] + shape[1]));
    for (let i = 0; i < h.data.length; i++) h.data[i] = this.settings.initial === "equal" ? 0.3 : rounded3((2 * this.random.uniform() - 1) * limit);
    return h;
  }

  get batch() {
    return Math.min(this.newton ? this.train.count : this.settings.batch || this.train.count, this.train.count) || 1;
  }

  // Passes over the examples, with the part of the present one.
  get epoch() {
    return this.passes + (this.order.length ? 1 - this.order.length / Math.max(this.train.count, 1) : 0);
  }

  // Of the next update.
  get rate() {
    const { rate, schedule } = this.settings;
    return RATES[schedule]({ alpha: array([rate], []), t: array([this.updates + 1], []) }).values[0].data[0];
  }

  // The name of the update rule among those of the page: descent where Newton's method is set, but not offered.
  get rule() {
    const { method, momentum } = this.settings;
    return method === "momentum" ? `momentum ${momentum}` : method === "adam" ? "adam" : "sgd";
  }

  given(examples, values = this.parameters) {
    const parameters = Object.fromEntries(values.map((one, i) => [`p${i}`, one]));
    const y = this.model.rowsOfTargets === 2 ? [examples.count, 1] : [examples.count];
    return { ...parameters, [this.model.x]: array(examples.z, [examples.count, this.inputs]), [this.model.y]: asArray(array(examples.y, y), this.model.targets) };
  }

  values(examples) {
    return named(this.plan.forward(this.given(examples)).values, this.model.names.forward);
  }

  // The slope of each activation, h'(a), at some examples.
  slopes(examples) {
    return this.plan.slopes ? named(this.plan.slopes(this.given(examples)).values, this.model.names.slopes) : {};
  }

  // Values and gradients of some examples; nothing changes.
  look(examples, parameters = this.parameters) {
    const { l1, l2 } = this.settings, settings = { l1: array([l1], []), l2: array([l2], []) };
    return named(this.plan.learn({ ...this.given(examples, parameters), ...settings }).values, this.model.names.learn);
  }

  // The parameters after an update by the rule with the gradients that were seen, and what the rule remembers then.
  stepped(seen) {
    const { names } = GIVEN.rules[this.rule], step = STEPS[this.rule], rate = array([this.rate], []);
    const line = (one) => array(one.data, [one.data.length]);
    const after = this.parameters.map((one, i) => {
      const given = { theta: line(one), grad: line(seen[`dp${i}`]), rate };
      for (const name of names) given[name] ??= this.memory[i][name] ?? (name.includes("/") ? zeros([one.data.length], "float64") : array([0], []));
      return named(step(given).values, names);
    });
    return { parameters: after.map(({ theta }, i) => array(theta.data, this.parameters[i].shape)), memory: after.map(({ theta, ...rest }) => rest) };
  }

  minibatch() {
    const { count } = this.train;
    if (!this.order.length) this.order = this.batch < count ? epochOrder(count, this.settings.seed, this.passes) : Array.from({ length: count }, (_, i) => i);
    this.rows = this.order.splice(0, this.batch);
    return rowsOf(this.train, this.rows);
  }

  // A whole update on the next minibatch, or what is left of the one under way.
  update() {
    while (!this.advance());
  }

  // A part of an update that fits into a frame: all of SGD's, a product with the Hessian of Newton's. Whether it is made.
  advance() {
    if (!this.train.count) return true;
    if (this.newton) {
      this.work ??= newtonUpdate(this, this.minibatch());
      const { done, value } = this.work.next();
      if (!done) return false;
      this.work = null;
      Object.assign(this, value);
    } else this.descend(this.minibatch());
    this.updates++;
    if (this.order.length) return true;
    this.passes++;
    this.note();
    return true;
  }

  // Brings an update that is under way to its end: settings and examples change between updates alone.
  settle() {
    if (this.work) this.update();
  }

  descend(examples) {
    Object.assign(this, this.stepped(this.look(examples)));
  }

  // What is done while the net trains, and kept for the address: an act as `isAct` knows them.
  act(what, value) {
    if (what === "point" && !isTarget(value[2], this.task)) return;
    if (what === "best" && !this.best) return;
    this.settle();
    const last = this.acts.at(-1);
    const again = LIVE.has(what) || (what === "weight" && last?.[1] === what && last[2][0] === value[0] && last[2][1] === value[1]);
    if (last && last[0] === this.updates && last[1] === what && again) this.acts.pop();
    this.acts.push(value === undefined ? [this.updates, what] : [this.updates, what, value]);
    if (what === "point") this.add(value);
    else if (what === "row") this.follow(value);
    else if (what === "weight") this.write(value);
    else if (what === "best") this.parameters = this.best.parameters;
    else this.settings = { ...this.settings, [what]: value };
    if (this.updates) return;
    this.start = this.settings; // before the first update, it is as if it had been so from the beginning
    this.acts = this.acts.filter(([, done]) => done === "weight");
  }

  // One number of a parameter is another one.
  write([number, place, value]) {
    const written = (one) => array(one.data.map((x, i) => (i === place ? value : x)), one.shape);
    this.parameters = this.parameters.map((one, i) => (i === number && place < one.data.length ? written(one) : one));
    if (!this.order.length) this.history.pop();
    this.note();
  }

  // An update on one example, out of turn.
  follow(row) {
    if (!this.train.count) return;
    this.descend(rowsOf(this.train, [Math.min(row, this.train.count - 1)]));
    this.updates++;
  }

  add([u, v, y]) {
    const join = (one, other) => Float64Array.from([...one, ...other]), point = packed([[u, v, y]]);
    this.train = this.ready({ ...point, x: join(this.train.x, point.x), y: join(this.train.y, point.y), count: this.train.count + 1 });
    this.settings = { ...this.settings, added: [...this.settings.added, [u, v, y]] };
  }

  // The settings of update 0, the updates since, and what was done; where that is too much, the settings of now.
  get address() {
    const long = this.updates > MOST_UPDATES || this.acts.length > MOST_ACTS;
    return long ? toAddress(this.settings) : toAddress(this.start, this.updates, this.acts);
  }

  // The mean loss of some examples, and the share of wrong classes, or the mean distance of numbers; null without examples.
  measure(examples) {
    if (!examples.count) return { loss: null, error: null };
    const [losses, f] = this.plan.losses(this.given(examples)).values;
    let wrong = 0;
    for (let i = 0; i < examples.count; i++) wrong += this.task.classes ? this.decided(f, i) !== examples.y[i] : Math.abs(f.data[i] - examples.y[i]);
    return { loss: losses.data.reduce((total, one) => total + one, 0) / examples.count, error: wrong / examples.count };
  }

  // The class of the largest probability in a row; of a single probability, which is that of the second class.
  decided(f, i) {
    const columns = f.data.length / f.shape[0];
    if (columns === 1) return f.data[i] >= 0.5 ? 1 : 0;
    let found = 0;
    for (let k = 1; k < columns; k++) if (f.data[i * columns + k] > f.data[i * columns + found]) found = k;
    return found;
  }

  note() {
    const train = this.measure(this.train), held = this.measure(this.held);
    this.history.push({ epoch: this.epoch, train, held, rate: this.newton ? this.damping : this.rate });
    if (this.history.length > 1200) this.history = this.history.filter((_, i) => i % 2 === 0 || i === this.history.length - 1);
    if (!(held.loss >= (this.best?.loss ?? Infinity))) this.best = { loss: held.loss, epoch: this.epoch, parameters: this.parameters, index: this.history.length };
  }

  // Early stopping: so many epochs since the best one.
  get isOver() {
    return this.settings.patience > 0 && this.best !== null && this.epoch - this.best.epoch > this.settings.patience;
  }
}

function named(values, names) {
  return Object.fromEntries(names.map((name, i) => [name, values[i]]));
}

function rms(a) {
  let total = 0;
  for (const one of a.data) total += one * one;
  return Math.sqrt(total / Math.max(a.data.length, 1));
}
