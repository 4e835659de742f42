// Arrays of one shape along a new first axis; there may be none of them.
import { zeros } from "./arrays.js";
import { unstack } from "./shapes.js";

export function stackedRows(rows, shape, dtype) {
  const whole = zeros([rows.length, ...shape], dtype);
  rows.forEach((row, i) => whole.data.set(row.data, i * row.data.length));
  return whole;
}

// The last carries of a loop over the first axis of the inputs, or of so many steps, and what its body stacks.
export function scanned(body, carries, inputs, outers, steps, backwards, stacks) {
  const length = inputs.length ? inputs[0].shape[0] : steps;
  const rows = inputs.map((a) => unstack(a, 0));
  const kept = stacks.map(() => new Array(length));
  let state = carries;
  for (let i = 0; i < length; i++) {
    const at = backwards ? length - 1 - i : i;
    const found = body(...state, ...rows.map((row) => row[at]), ...outers);
    state = found.slice(0, carries.length);
    kept.forEach((list, k) => (list[at] = found[carries.length + k]));
  }
  return [...state, ...kept.map((list, k) => stackedRows(list, ...stacks[k]))];
}

// The last carries of a loop that goes on while a condition holds, and what its body stacks.
export function repeated(condition, body, carries, outers, most, stacks) {
  const kept = stacks.map(() => []);
  let state = carries;
  for (let steps = 0; condition(...state, ...outers)[0].data[0]; steps++) {
    if (steps === most) throw new RangeError(`the condition of a while loop is true after ${most} steps`);
    const found = body(...state, ...outers);
    state = found.slice(0, carries.length);
    kept.forEach((list, k) => list.push(found[carries.length + k]));
  }
  return [...state, ...kept.map((list, k) => stackedRows(list, ...stacks[k]))];
}
