// Random numbers with a seed, and data of two classes in the plane.

function source(seed) {
  let state = (Math.imul(seed + 1, 0x9e3779b1) ^ 0x85ebca6b) >>> 0;
  const uniform = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  const shuffled = (items) => {
    const list = items.slice();
    for (let i = list.length - 1; i > 0; i--) {
      const j = Math.floor(uniform() * (i + 1));
      [list[i], list[j]] = [list[j], list[i]];
    }
    return list;
  };
  return { uniform, normal, shuffled };
}

const SHAPES = {
  spirals: (y, t, { uniform }) => {
    const radius = 0.1 + 0.85 * t, angle = 3.4 * Math.PI * t * 0.62 + y * Math.PI;
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  },
  moons: (y, t) => {
    const angle = Math.PI * t;
    return y ? [0.3 - 0.55 * Math.cos(angle), 0.22 - 0.55 * Math.sin(angle)] : [-0.3 + 0.55 * Math.cos(angle), -0.22 + 0.55 * Math.sin(angle)];
  },
  circles: (y, t) => {
    const angle = 2 * Math.PI * t, radius = y ? 0.35 : 0.8;
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  },
  xor: (y, t, { uniform }) => {
    const right = uniform() < 0.5 ? 1 : -1, up = y ? right : -right;
    return [right * (0.1 + 0.75 * uniform()), up * (0.1 + 0.75 * uniform())];
  },
  blobs: (y, t, { normal }) => [(y ? 0.4 : -0.4) + 0.18 * normal(), (y ? 0.35 : -0.35) + 0.18 * normal()],
};

// Training and validation examples: {x, y} with the coordinates row by row.
function examplesOf(settings) {
  const random = source(1000 + settings.seed), points = [];
  if (settings.data === "own" && GIVEN.examples) {
    GIVEN.examples.x.forEach((x, i) => points.push([...x, GIVEN.examples.y[i]]));
  } else if (settings.data !== "none") {
    const count = Math.round(settings.examples * 1.5);
    for (let i = 0; i < count; i++) {
      const y = i % 2, [u, v] = SHAPES[settings.data](y, random.uniform(), random);
      points.push([u + settings.noise * 0.5 * random.normal(), v + settings.noise * 0.5 * random.normal(), y]);
    }
  }
  const order = random.shuffled(points), held = Math.floor(order.length / 3);
  return { train: packed([...order.slice(held), ...settings.added]), held: packed(order.slice(0, held)) };
}

function packed(points) {
  return { x: Float64Array.from(points.flatMap(([u, v]) => [u, v])), y: Float64Array.from(points, (point) => point[2]), count: points.length };
}

function rowsOf(examples, rows) {
  return { x: Float64Array.from(rows.flatMap((i) => [examples.x[2 * i], examples.x[2 * i + 1]])), y: Float64Array.from(rows, (i) => examples.y[i]), count: rows.length };
}
