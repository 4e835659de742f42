// Arrays: {data, shape, dtype}, the elements row by row. A whole number of 64 bits is kept as a float64, exact below 2**53.

export const STORES = {
  float64: Float64Array, float32: Float32Array, int64: Float64Array, uint64: Float64Array, int32: Int32Array,
  uint32: Uint32Array, int16: Int16Array, uint16: Uint16Array, int8: Int8Array, uint8: Uint8Array, bool: Uint8Array,
};

export function sizeOf(shape) {
  return shape.reduce((total, size) => total * size, 1);
}

export function array(data, shape, dtype = "float64") {
  const store = STORES[dtype];
  return { data: data instanceof store ? data : store.from(data), shape, dtype };
}

export function zeros(shape, dtype) {
  return { data: new STORES[dtype](sizeOf(shape)), shape, dtype };
}

// A number, a boolean or nested lists as an array; an array as it is, converted to the dtype.
export function asArray(value, dtype) {
  if (value?.data && value.shape) return value.dtype === dtype ? value : array(Array.from(value.data), value.shape, dtype);
  const shape = [];
  for (let part = value; Array.isArray(part) || ArrayBuffer.isView(part); part = part[0]) shape.push(part.length);
  const flat = shape.length ? Array.from(value).flat(Infinity) : [value];
  if (flat.length !== sizeOf(shape)) throw new TypeError(`lists of different lengths in ${JSON.stringify(value)}`);
  return array(flat.map(Number), shape, dtype);
}

// Base64 of little-endian bytes: constants with many elements.
export function decoded(text, shape, dtype) {
  const bytes = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  return { data: new STORES[dtype](bytes.buffer), shape, dtype };
}

// An input, its shape held against names and numbers; a name gets its number where it comes first.
export function readInput(name, value, sizes, shape, dtype) {
  if (value === undefined) throw new TypeError(`${name}: missing, needs an array of shape (${shape.join(", ")})`);
  const given = asArray(value, dtype);
  const fits = given.shape.length === shape.length && shape.every((size, axis) => {
    if (typeof size !== "string") return size === given.shape[axis];
    sizes[size] ??= given.shape[axis];
    return sizes[size] === given.shape[axis];
  });
  if (!fits) {
    const needed = shape.map((size) => (sizes[size] === undefined ? size : `${size} = ${sizes[size]}`));
    throw new RangeError(`${name}: found shape (${given.shape.join(", ")}), needs (${needed.join(", ")})`);
  }
  return given;
}

// Elements between neighbours along each axis of `shape`, 0 along those that are repeated to give `to`.
export function stridesTo(shape, to) {
  const strides = new Array(to.length).fill(0);
  for (let axis = shape.length - 1, step = 1; axis >= 0; axis--) {
    if (shape[axis] !== 1) strides[axis + to.length - shape.length] = step;
    step *= shape[axis];
  }
  return strides;
}

// For each element of `shape` in rows, its place in an array of these strides.
export function placesOf(shape, strides, start = 0) {
  const places = new Int32Array(sizeOf(shape));
  const index = new Array(shape.length).fill(0);
  for (let i = 0, place = start; i < places.length; i++) {
    places[i] = place;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      place += strides[axis];
      if (++index[axis] < shape[axis]) break;
      place -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return places;
}

export function gathered(a, places, shape) {
  const h = zeros(shape, a.dtype);
  for (let i = 0; i < places.length; i++) h.data[i] = a.data[places[i]];
  return h;
}

export function broadcastShapes(...shapes) {
  const ndim = Math.max(...shapes.map((shape) => shape.length));
  const result = new Array(ndim).fill(1);
  for (const shape of shapes) {
    shape.forEach((size, i) => {
      const axis = i + ndim - shape.length;
      if (size !== 1 && result[axis] !== 1 && result[axis] !== size) {
        throw new RangeError(`shapes (${shapes.join(") and (")}) do not broadcast`);
      }
      if (size !== 1) result[axis] = size;
    });
  }
  return result;
}

// A function of numbers, of the elements of arrays, which are broadcast.
export function map(dtype, f, ...arrays) {
  const shape = arrays.length === 1 ? arrays[0].shape : broadcastShapes(...arrays.map((a) => a.shape));
  const h = zeros(shape, dtype), out = h.data, count = out.length;
  const [x, y, z] = arrays.map((a) => (a.data.length === count ? a.data : gathered(a, placesOf(shape, stridesTo(a.shape, shape)), shape).data));
  if (arrays.length === 1) for (let i = 0; i < count; i++) out[i] = f(x[i]);
  else if (arrays.length === 2) for (let i = 0; i < count; i++) out[i] = f(x[i], y[i]);
  else if (arrays.length === 3) for (let i = 0; i < count; i++) out[i] = f(x[i], y[i], z[i]);
  else return mapMany(h, f, arrays);
  return checked(h);
}

export function mapMany(h, f, arrays) {
  const places = arrays.map((a) => placesOf(h.shape, stridesTo(a.shape, h.shape)));
  for (let i = 0; i < h.data.length; i++) h.data[i] = f(...arrays.map((a, k) => a.data[places[k][i]]));
  return checked(h);
}

export function checked(h) {
  if (h.dtype === "int64") h.data.forEach(exact);
  else if (h.dtype === "uint64") h.data.forEach(exactUnsigned);
  return h;
}

export function exact(number) {
  if (!Number.isSafeInteger(number)) throw new RangeError(`a whole number beyond 2**53: ${number}`);
  return number;
}

export function exactUnsigned(number) {
  if (number < 0) throw new RangeError(`a whole number beyond 2**53: 2**64 - ${-number}`);
  return exact(number);
}

// Sum and product of whole numbers or booleans of a dtype, of up to 32 bits modulo 2**32; null for floats.
export function ofWhole(dtype) {
  if (dtype.startsWith("float")) return null;
  if (dtype === "bool") return { plus: (a, b) => a | b, times: (a, b) => a & b };
  const kept = dtype === "int64" ? exact : exactUnsigned;
  if (dtype.endsWith("64")) return { plus: (a, b) => kept(a + b), times: (a, b) => kept(a * b) };
  return { plus: (a, b) => (a + b) | 0, times: Math.imul };
}

// A cast as NumPy's: towards zero for whole numbers, true for all but 0.
export function cast(a, dtype) {
  if (dtype === "bool") return map(dtype, (x) => +(x !== 0), a);
  return map(dtype, dtype.startsWith("float") ? (x) => x : Math.trunc, a);
}
