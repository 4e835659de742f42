// The network in training. Every number comes from the functions of MODULES, which are plans.

class Learner {
  constructor(settings) {
    this.settings = settings;
    this.key = GIVEN.fixed ? "own" : `${settings.depth}/${settings.depth ? settings.activation : "tanh"}`;
    this.model = GIVEN.variants[this.key];
    this.plan = MODULES[this.key];
    this.random = source(settings.seed);
    this.parameters = this.model.parameters.map((one) => this.first(one));
    this.velocities = this.parameters.map((one) => zeros(one.shape, one.dtype));
    ({ train: this.train, held: this.held } = examplesOf(settings));
    this.updates = 0;
    this.passes = 0;
    this.order = [];
    this.acts = [];
    this.start = settings;
    this.damping = FIRST_DAMPING;
    this.work = null; // of an update that is under way
    this.history = [];
    this.best = null;
    this.note();
  }

  // Why Newton's method is not offered; empty where it is.
  get refused() {
    return newtonRefused(this);
  }

  get newton() {
    return this.settings.method === "newton" && !this.refused;
  }

  // The sizes of the units as the page has them, or those of the user's graph.
  shapeOf(one) {
    return one.shape.map((size) => (typeof size === "number" ? size : this.settings.units[Number(size.slice(1)) - 1]));
  }

  first(one) {
    const shape = this.shapeOf(one);
    if (one.value !== null) return asArray(one.value, "float64");
    const h = zeros(shape, "float64");
    if (shape.length < 2 || this.settings.initial === "zero") return h;
    const limit = Math.sqrt(6 / (shape[0] + shape[1]));
    for (let i = 0; i < h.data.length; i++) h.data[i] = this.settings.initial === "equal" ? 0.3 : (2 * this.random.uniform() - 1) * limit;
    return h;
  }

  get batch() {
    return Math.min(this.newton ? this.train.count : this.settings.batch || this.train.count, this.train.count) || 1;
  }

  // Passes over the examples, with the part of the present one.
  get epoch() {
    return this.passes + (this.order.length ? 1 - this.order.length / Math.max(this.train.count, 1) : 0);
  }

  get rate() {
    const { rate, schedule, decay } = this.settings, t = this.updates;
    if (schedule === "hyperbolic") return rate / (1 + decay * t);
    return schedule === "power" ? rate / (t + 1) ** 0.6 : rate;
  }

  given(examples, values = this.parameters) {
    const parameters = Object.fromEntries(values.map((one, i) => [`p${i}`, one]));
    const y = this.model.rowsOfTargets === 2 ? [examples.count, 1] : [examples.count];
    return { ...parameters, [this.model.x]: array(examples.x, [examples.count, 2]), [this.model.y]: asArray(array(examples.y, y), this.model.targets) };
  }

  values(examples) {
    return named(this.plan.forward(this.given(examples)).values, this.model.forward_names);
  }

  // The slope of each activation, h'(a), at some examples.
  slopes(examples) {
    return this.plan.slopes ? named(this.plan.slopes(this.given(examples)).values, this.model.slope_names) : {};
  }

  // Values and gradients of some examples, and the parameters after an update on them; nothing changes.
  look(examples, parameters = this.parameters) {
    const { momentum, l1, l2 } = this.settings, number = (value) => array([value], []);
    const velocities = Object.fromEntries(this.velocities.map((one, i) => [`v${i}`, one]));
    const settings = { rate: number(this.rate), momentum: number(momentum), l1: number(l1), l2: number(l2) };
    return named(this.plan.learn({ ...this.given(examples, parameters), ...velocities, ...settings }).values, this.model.learn_names);
  }

  minibatch() {
    if (!this.order.length) this.order = this.random.shuffled(Array.from({ length: this.train.count }, (_, i) => i));
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
    const found = this.look(examples);
    this.parameters = this.parameters.map((_, i) => found[`new_p${i}`]);
    this.velocities = this.velocities.map((_, i) => found[`new_v${i}`]);
  }

  // What is done while the net trains, and kept for the address: an act as `isAct` knows them.
  act(what, value) {
    this.settle();
    const last = this.acts.at(-1);
    if (last && last[0] === this.updates && last[1] === what && LIVE.has(what)) this.acts.pop();
    this.acts.push(value === undefined ? [this.updates, what] : [this.updates, what, value]);
    if (what === "point") this.add(value);
    else if (what === "row") this.follow(value);
    else if (what === "best") this.parameters = this.best.parameters;
    else this.settings = { ...this.settings, [what]: value };
    if (this.updates) return;
    this.start = this.settings; // before the first update, it is as if it had been so from the beginning
    this.acts = [];
  }

  // An update on one example, out of turn.
  follow(row) {
    if (!this.train.count) return;
    this.descend(rowsOf(this.train, [Math.min(row, this.train.count - 1)]));
    this.updates++;
  }

  add([u, v, y]) {
    const point = packed([[u, v, y]]), join = (one, other) => Float64Array.from([...one, ...other]);
    this.train = { x: join(this.train.x, point.x), y: join(this.train.y, point.y), count: this.train.count + 1 };
    this.settings = { ...this.settings, added: [...this.settings.added, [u, v, y]] };
  }

  // The settings of update 0, the updates since, and what was done; where that is too much, the settings of now.
  get address() {
    const long = this.updates > MOST_UPDATES || this.acts.length > MOST_ACTS;
    return long ? toAddress(this.settings) : toAddress(this.start, this.updates, this.acts);
  }

  measure(examples) {
    if (!examples.count) return { loss: NaN, error: NaN };
    const [losses, f] = this.plan.losses(this.given(examples)).values;
    let wrong = 0;
    for (let i = 0; i < examples.count; i++) wrong += this.isOf(f, i) >= 0.5 !== (examples.y[i] > 0.5);
    return { loss: losses.data.reduce((total, one) => total + one, 0) / examples.count, error: wrong / examples.count };
  }

  // The probability of the second class.
  isOf(f, i) {
    return f.shape.at(-1) === 2 && f.shape.length === 2 ? f.data[2 * i + 1] : f.data[i];
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
