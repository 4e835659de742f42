// Random numbers with a seed, and data: classes and numbers in the plane, and small images of digits.

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

// Points of a class out of so many; t goes along its shape, from 0 to 1.
const SHAPES = {
  spirals: (y, t, random, classes) => along(0.1 + 0.85 * t, 3.4 * Math.PI * t * 0.62 + (2 * Math.PI * y) / classes),
  moons: (y, t, random, classes) => {
    const angle = Math.PI * t, turn = (2 * Math.PI * y) / classes, u = -0.3 + 0.55 * Math.cos(angle), v = -0.22 + 0.55 * Math.sin(angle);
    return [u * Math.cos(turn) - v * Math.sin(turn), u * Math.sin(turn) + v * Math.cos(turn)];
  },
  circles: (y, t, random, classes) => along(0.8 * (1 - y / classes), 2 * Math.PI * t),
  xor: (y, t, { uniform }, classes) => {
    const opposite = uniform() < 0.5 ? 0 : classes, sector = y + opposite;
    return along(0.12 + 0.8 * uniform(), (Math.PI * (sector + 0.12 + 0.76 * uniform())) / classes);
  },
  blobs: (y, t, { normal }, classes) => {
    const [u, v] = along(0.53, 0.72 + Math.PI + (2 * Math.PI * y) / classes);
    return [u + 0.18 * normal(), v + 0.18 * normal()];
  },
};

// Numbers to learn, from -1 to 1.
const NUMBERS = {
  slope: (u, v) => (u + v) / 2,
  hills: (u, v) => Math.exp(-6 * ((u - 0.4) ** 2 + (v - 0.35) ** 2)) - Math.exp(-6 * ((u + 0.4) ** 2 + (v + 0.35) ** 2)),
  ripples: (u, v) => Math.cos(6 * Math.hypot(u, v)),
};

const PIXELS = 64, DEEPEST = 16; // of an image of a digit, and of a pixel

function along(radius, angle) {
  return [radius * Math.cos(angle), radius * Math.sin(angle)];
}

// What the data of some settings ask of a network: probabilities of classes or numbers, of points or of images.
function taskOf({ data, classes }) {
  const own = GIVEN.fixed ? GIVEN.variants.own.classes : null;
  if (data === "digits") return { loss: "classes", classes: 10, image: true };
  const names = data === "own" && GIVEN.examples ? GIVEN.examples.classes : null;
  if (own !== null) return { loss: own ? "classes" : "numbers", classes: own, image: false, names };
  const count = data in NUMBERS ? 0 : names ? names.length : classes;
  return { loss: count ? "classes" : "numbers", classes: count, image: false, names };
}

// Whether a point with such a target can be added to the data of a task.
function isTarget(y, { classes, image }) {
  return !image && (classes ? Number.isInteger(y) && y >= 0 && y < classes : Math.abs(y) <= 1);
}

// Training and validation examples; numbers of three decimals, which a program in Python writes as they are.
function examplesOf(settings, task) {
  const random = source(1000 + settings.seed), points = [], count = Math.round(settings.examples * 1.5);
  const noise = () => settings.noise * 0.5 * random.normal();
  if (settings.data === "digits") return parted(random.shuffled(GIVEN.digits.map((_, i) => i)).slice(0, count), imagesOf);
  if (settings.data === "own" && GIVEN.examples) GIVEN.examples.x.forEach((x, i) => points.push([...x, GIVEN.examples.y[i]]));
  for (let i = 0; i < count && settings.data in SHAPES; i++) {
    const y = i % task.classes, [u, v] = SHAPES[settings.data](y, random.uniform(), random, task.classes);
    points.push([rounded3(u + noise()), rounded3(v + noise()), y]);
  }
  for (let i = 0; i < count && settings.data in NUMBERS; i++) {
    const u = rounded3(2 * random.uniform() - 1), v = rounded3(2 * random.uniform() - 1);
    points.push([u, v, rounded3(NUMBERS[settings.data](u, v) + noise())]);
  }
  return parted(random.shuffled(points), packed, settings.added);
}

function parted(order, pack, added = []) {
  const held = Math.floor(order.length / 3);
  return { train: pack([...order.slice(held), ...added]), held: pack(order.slice(0, held)) };
}

function rounded3(number) {
  return Number(number.toFixed(3)) + 0;
}

// Examples: the coordinates or pixels, `width` in a row, the targets, and of images which of the digits they are.
function packed(points) {
  return { x: Float64Array.from(points.flatMap(([u, v]) => [u, v])), y: Float64Array.from(points, (point) => point[2]), count: points.length, width: 2 };
}

function imagesOf(numbers) {
  const pixels = numbers.flatMap((i) => Array.from(GIVEN.digits[i].slice(1), (letter) => parseInt(letter, DEEPEST + 1) / DEEPEST));
  return { x: Float64Array.from(pixels), y: Float64Array.from(numbers, (i) => Number(GIVEN.digits[i][0])), count: numbers.length, width: PIXELS, numbers };
}

// Some of the examples.
function rowsOf({ x, y, z, width, numbers }, rows) {
  const taken = (data, size) => data && Float64Array.from({ length: rows.length * size }, (_, i) => data[rows[Math.floor(i / size)] * size + (i % size)]);
  return { x: taken(x, width), y: taken(y, 1), z: taken(z, z ? z.length / Math.max(y.length, 1) : 0), count: rows.length, width, numbers: numbers && rows.map((i) => numbers[i]) };
}
