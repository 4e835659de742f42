// Runs modules that Python sends, one request a line: {text?, module, given, parameters}; arrays are {dtype, shape, data}
// with their bytes in base64.
import { createInterface } from "node:readline";

const modules = new Map();
const wide = new Set(["int64", "uint64"]);
const stores = {
  float64: Float64Array, float32: Float32Array, int32: Int32Array, uint32: Uint32Array, int16: Int16Array,
  uint16: Uint16Array, int8: Int8Array, uint8: Uint8Array, bool: Uint8Array, int64: Float64Array, uint64: Float64Array,
};

function read({ dtype, shape, data }) {
  const bytes = Uint8Array.from(Buffer.from(data, "base64"));
  return { data: new stores[dtype](bytes.buffer), shape, dtype };
}

function write(value) {
  if (Array.isArray(value)) return value.map(write);
  const { data, shape, dtype } = value;
  return { dtype, shape, data: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64"), wide: wide.has(dtype) };
}

function each(object, f) {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, f(value)]));
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    const { text, module, given, parameters } = JSON.parse(line);
    if (text) modules.set(module, await import(`data:text/javascript;base64,${Buffer.from(text).toString("base64")}`));
    const found = modules.get(module).step(each(given, read), each(parameters, read), 1);
    answer = { values: found.values.map(write), parameters: each(found.parameters, write) };
  } catch (error) {
    answer = { error: `${error.name}: ${error.message}`, where: error.stack };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
