// Random draws: a generator of 32 bits with a seed (the mixing of 32-bit words named "mulberry"), uniform numbers of 53
// bits made of two of them.
import { map, zeros } from "./arrays.js";

export function generator(seed) {
  let state = Math.imul(seed ^ (seed / 4294967296), 0x9e3779b1) >>> 0;
  const word = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  return () => ((word() >>> 5) * 67108864 + (word() >>> 6)) / 9007199254740992;
}

// An array of which each element is drawn anew.
export function drawn(uniform, f, shape, dtype) {
  return map(dtype, () => f(uniform), zeros(shape, dtype));
}
