// The order of the examples in an epoch, that of `fg.fit` with the same seed: a program in Python makes the same updates.
// It is NumPy's default_rng([seed, epoch]).permutation(count): words mixed from the seeds, PCG64, draws below a bound.

function wordsOf(number) {
  const words = [];
  do {
    words.push(number >>> 0);
    number = Math.floor(number / 2 ** 32);
  } while (number > 0);
  return words;
}

// Eight words of 32 bits from some seeds, NumPy's SeedSequence.
function mixedWords(seeds) {
  const entropy = seeds.flatMap(wordsOf), pool = [], folded = (x) => (x ^ (x >>> 16)) >>> 0;
  const hashed = (start, factor) => {
    let constant = start;
    return (word) => {
      const mixed = word ^ constant;
      constant = Math.imul(constant, factor);
      return folded(Math.imul(mixed, constant));
    };
  };
  const mixed = (x, y) => folded(Math.imul(0xca01f9dd, x) - Math.imul(0x4973f715, y));
  const enter = hashed(0x43b0d7e5, 0x931e8875), leave = hashed(0x8b51f9dd, 0x58f38ded);
  for (let i = 0; i < 4; i++) pool.push(enter(entropy[i] ?? 0));
  for (let from = 0; from < 4; from++) {
    for (let to = 0; to < 4; to++) if (from !== to) pool[to] = mixed(pool[to], enter(pool[from]));
  }
  for (const word of entropy.slice(4)) for (let to = 0; to < 4; to++) pool[to] = mixed(pool[to], enter(word));
  return Array.from({ length: 8 }, (_, i) => leave(pool[i % 4]));
}

// Words of 32 bits drawn by PCG64: a state of 128 bits, of which each step gives two words, the lower one first.
function pcg64(seeds) {
  const words = mixedWords(seeds).map(BigInt), joined = (i) => words[i] | (words[i + 1] << 32n);
  const factor = 0x2360ed051fc65da44385df649fccf645n, whole = (x) => BigInt.asUintN(128, x);
  const increment = whole((((joined(4) << 64n) | joined(6)) << 1n) | 1n);
  const next = (state) => whole(state * factor + increment);
  let state = next(whole(next(0n) + ((joined(0) << 64n) | joined(2)))), kept = null;
  return () => {
    if (kept !== null) {
      const word = kept;
      kept = null;
      return word;
    }
    state = next(state);
    const folded = BigInt.asUintN(64, (state >> 64n) ^ state), turn = state >> 122n;
    const drawn = BigInt.asUintN(64, (folded >> turn) | (folded << (64n - turn)));
    kept = Number(drawn >> 32n);
    return Number(drawn & 0xffffffffn);
  };
}

function epochOrder(count, seed, epoch) {
  const word = pcg64([seed, epoch]), order = Array.from({ length: count }, (_, i) => i);
  // A number from 0 to most, each as likely as another: as many bits as most has, until they are none too large.
  const drawn = (most) => {
    const mask = 2 ** (32 - Math.clz32(most)) - 1;
    let value;
    do value = (word() & mask) >>> 0; while (value > most);
    return value;
  };
  for (let i = count - 1; i > 0; i--) {
    const j = drawn(i);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}
