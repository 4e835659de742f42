// Newton's method for small nets: the Hessian, a column for each parameter, and damped steps that lower the objective.
// A step takes longer than a frame, so it is made in parts: generators, which yield after each product or solution.

const MOST_TRIES = 16; // of a step, each four times as damped as the one before
const FIRST_DAMPING = 0.1, LEAST_DAMPING = 1e-9;

// Why the method is not offered for a network; empty where it is.
function newtonRefused({ plan, model, parameters }) {
  if (!plan.curve) return model.refused;
  const count = parameters.reduce((total, one) => total + one.data.length, 0);
  return count > GIVEN.mostNewton ? `${count} parameters, needs ${GIVEN.mostNewton} at most: a step takes ${count} products with the Hessian` : "";
}

function flat(arrays) {
  return Float64Array.from(arrays.flatMap((one) => Array.from(one.data)));
}

// The numbers of a vector in arrays of the shapes of others.
function shapedAs(vector, arrays) {
  let from = 0;
  return arrays.map((one) => array(vector.slice(from, (from += one.data.length)), one.shape));
}

// What a generator returns, without a pause.
function finished(work) {
  let part;
  do part = work.next(); while (!part.done);
  return part.value;
}

// Row by row; the product with each unit vector is a column, and the matrix is symmetric.
function* hessianOf(learner, examples) {
  const { parameters, settings } = learner, count = flat(parameters).length, h = new Float64Array(count * count);
  const given = { ...learner.given(examples), l1: array([settings.l1], []), l2: array([settings.l2], []) };
  for (let k = 0; k < count; k++) {
    const unit = new Float64Array(count);
    unit[k] = 1;
    const directions = Object.fromEntries(shapedAs(unit, parameters).map((one, i) => [`u${i}`, one]));
    h.set(flat(learner.plan.curve({ ...given, ...directions }).values), k * count);
    yield;
  }
  return array(h, [count, count]);
}

// (H + μ I) Δ = −∇; null where the matrix is singular.
function newtonStep(h, gradient, damping) {
  const count = gradient.length, identity = new Float64Array(count * count);
  for (let i = 0; i < count; i++) identity[i * count + i] = 1;
  try {
    const [step] = NEWTON({ H: h, I: array(identity, [count, count]), g: array(gradient, [count]), mu: array([damping], []) }).values;
    return step.data.every(Number.isFinite) ? step.data : null;
  } catch {
    return null;
  }
}

// Whether H + μ I is positive definite, by the pivots of its Cholesky factor; else a step could lead to a saddle point.
function isPositive({ data, shape: [count] }, damping) {
  const factor = new Float64Array(count * count);
  for (let j = 0; j < count; j++) {
    for (let i = j; i < count; i++) {
      let rest = data[i * count + j] + (i === j ? damping : 0);
      for (let k = 0; k < j; k++) rest -= factor[i * count + k] * factor[j * count + k];
      if (i === j && !(rest > 1e-12)) return false;
      factor[i * count + j] = i === j ? Math.sqrt(rest) : rest / factor[j * count + j];
    }
  }
  return true;
}

// The parameters after a step on some examples, and its damping: less after a step that lowers the objective, more
// until one does. Where none does the parameters stay, as at a minimum.
function* newtonUpdate(learner, examples) {
  const { parameters } = learner, seen = learner.look(examples), before = seen.objective.data[0];
  yield;
  const gradient = flat(parameters.map((_, i) => seen[`dp${i}`])), h = yield* hessianOf(learner, examples), here = flat(parameters);
  let damping = learner.damping;
  for (let i = 0; i < MOST_TRIES; i++, damping = Math.max(4 * damping, 1e-6)) {
    yield;
    const step = isPositive(h, damping) ? newtonStep(h, gradient, damping) : null;
    if (step === null) continue;
    const next = shapedAs(here.map((x, k) => x + step[k]), parameters);
    if (learner.look(examples, next).objective.data[0] < before) return { parameters: next, damping: Math.max(damping / 3, LEAST_DAMPING) };
  }
  return { parameters, damping: FIRST_DAMPING };
}
