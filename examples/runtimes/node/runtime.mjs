// A runtime for Node 18 or later that speaks the subprocess protocol of distilspec (docs/protocol.md).
//
//     distilspec check "exec:node runtime.mjs"
//
// Numbers of JavaScript are doubles: it calculates in double and rounds to float once, when a result is stored.
// It needs no packages. The machine must be little-endian, as the files are.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

const ARRAYS = {
  float32: Float32Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int8: Int8Array,
  uint8: Uint8Array,
  bool: Uint8Array,
};

const sizeOf = (shape) => shape.reduce((product, size) => product * size, 1);
const tensor = (dtype, shape, data = new ARRAYS[dtype](sizeOf(shape))) => ({ dtype, shape, data });

/** Return the place in t of the element beside element i of a result, to whose shape t broadcasts. */
function place(t, i, shape) {
  let found = 0;
  let stride = 1;
  for (let own = t.shape.length - 1, axis = shape.length - 1; own >= 0; own--, axis--) {
    if (t.shape[own] > 1) found += (i % shape[axis]) * stride;
    stride *= t.shape[own];
    i = Math.floor(i / shape[axis]);
  }
  return found;
}

/** Return a function of i: the element of t beside element i of a result of a shape; absent operands have a default. */
const beside = (t, shape, absent) => (t ? (i) => t.data[place(t, i, shape)] : () => absent);

function broadcast(a, b) {
  const rank = Math.max(a.length, b.length);
  const padded = (shape) => [...Array(rank - shape.length).fill(1), ...shape];
  const other = padded(b);
  return padded(a).map((size, axis) => (size === 1 ? other[axis] : size));
}

const elementwise = (f) => ({ x }) => ({ y: tensor("float32", x.shape, Float32Array.from(x.data, f)) });

/** Apply f to real numbers or to integers, which JavaScript keeps as BigInt. */
const pairwise = (f) => ({ a, b }) => {
  const y = tensor(a.dtype, broadcast(a.shape, b.shape));
  const [left, right] = [beside(a, y.shape), beside(b, y.shape)];
  for (let i = 0; i < y.data.length; i++) y.data[i] = f(left(i), right(i));
  return { y };
};

/** Let a vector broadcast along an axis of x, or leave it as it is where there is no axis. */
function along(t, axis, x) {
  if (axis === null || !t) return t;
  const after = x.shape.length - 1 - (axis < 0 ? axis + x.shape.length : axis);
  return tensor(t.dtype, [...t.shape, ...Array(after).fill(1)], t.data);
}

function roundHalfEven(x) {
  const rounded = Math.round(x); // halves go up
  return rounded - x === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded;
}

function quantize({ x, scale, zero_point }, { axis }) {
  const y = tensor(zero_point.dtype, x.shape);
  const scaleOf = beside(along(scale, axis, x), x.shape);
  const zeroOf = beside(along(zero_point, axis, x), x.shape);
  const low = y.dtype === "int8" ? -128 : 0;
  for (let i = 0; i < y.data.length; i++) {
    const code = roundHalfEven(Math.fround(x.data[i] / scaleOf(i))) + zeroOf(i);
    y.data[i] = Math.min(Math.max(code, low), low + 255);
  }
  return { y };
}

function dequantize({ codes, scale, zero_point }, { axis }) {
  const y = tensor("float32", codes.shape);
  const scaleOf = beside(along(scale, axis, codes), codes.shape);
  const zeroOf = beside(along(zero_point, axis, codes), codes.shape, 0);
  for (let i = 0; i < y.data.length; i++) y.data[i] = (codes.data[i] - zeroOf(i)) * scaleOf(i);
  return { y };
}

function linear({ x, weight, bias }) {
  const [outFeatures, n] = weight.shape;
  const y = tensor("float32", [...x.shape.slice(0, -1), outFeatures]);
  for (let i = 0; i < y.data.length; i++) {
    const [row, column] = [Math.floor(i / outFeatures) * n, (i % outFeatures) * n];
    let sum = 0;
    for (let k = 0; k < n; k++) sum += x.data[row + k] * weight.data[column + k];
    y.data[i] = bias ? sum + bias.data[i % outFeatures] : sum;
  }
  return { y };
}

function softmax({ x, mask }, { axis }) {
  const y = tensor("float32", x.shape);
  const kept = beside(mask, x.shape, 1);
  const from = axis < 0 ? axis + x.shape.length : axis;
  const [n, stride] = [x.shape[from], sizeOf(x.shape.slice(from + 1))];
  for (let row = 0; row * n < x.data.length; row++) {
    const first = Math.floor(row / stride) * stride * n + (row % stride);
    const places = Array.from({ length: n }, (_, k) => first + k * stride).filter((i) => kept(i));
    const largest = places.reduce((most, i) => Math.max(most, x.data[i]), -Infinity);
    const total = places.reduce((sum, i) => sum + Math.exp(x.data[i] - largest), 0);
    for (const i of places) y.data[i] = Math.exp(x.data[i] - largest) / total;
  }
  return { y };
}

/** The range of the values, widened to hold 0, over the 256 codes; float32 at every step. */
function dynamicQuantize({ x }) {
  const low = x.data.reduce((least, value) => Math.min(least, value), 0);
  const high = x.data.reduce((most, value) => Math.max(most, value), 0);
  const quotient = Math.fround(Math.fround(high - low) / 255);
  const scale = tensor("float32", [], Float32Array.of(quotient < 2 ** -126 ? 1 : quotient));
  const zero = roundHalfEven(Math.fround(-low / scale.data[0]));
  const zero_point = tensor("uint8", [], Uint8Array.of(Math.min(zero, 255)));
  return { codes: quantize({ x, scale, zero_point }, { axis: null }).y, scale, zero_point };
}

const OPERATORS = {
  absolute: elementwise(Math.abs),
  add: pairwise((a, b) => a + b),
  dequantize,
  dynamic_quantize: dynamicQuantize,
  exp: elementwise(Math.exp),
  linear,
  multiply: pairwise((a, b) => a * b),
  quantize,
  relu: elementwise((x) => (x < 0 ? 0 : x)),
  sigmoid: elementwise((x) => 1 / (1 + Math.exp(-x))),
  softmax,
  subtract: pairwise((a, b) => a - b),
  tanh: elementwise(Math.tanh),
};

function read(request, name) {
  const data = readFileSync(join(request.folder, request[`input.${name}.file`]));
  const dtype = request[`input.${name}.dtype`];
  // a copy, because a typed array must begin at a multiple of its element size
  return tensor(dtype, request[`input.${name}.shape`], new ARRAYS[dtype](Uint8Array.from(data).buffer));
}

function answer(request) {
  if (request.do !== "apply") return { status: "unsupported", detail: request.do };
  const operands = Object.fromEntries(request.inputs.map((name) => [name, read(request, name)]));
  const attributes = {};
  for (const [key, value] of Object.entries(request))
    if (key.startsWith("attribute.")) attributes[key.slice("attribute.".length)] = value;
  const said = { status: "ok" };
  for (const [name, { dtype, shape, data }] of Object.entries(OPERATORS[request.op](operands, attributes))) {
    writeFileSync(join(request.folder, name), data);
    Object.assign(said, {
      [`output.${name}.dtype`]: dtype,
      [`output.${name}.shape`]: shape,
      [`output.${name}.file`]: name,
    });
  }
  return said;
}

const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");

say({ protocol: 1, name: "node-example", version: "1.0", ops: Object.keys(OPERATORS) });
for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  if (request.do === "quit") break;
  try {
    say({ id: request.id, ...answer(request) });
  } catch (error) {
    say({ id: request.id, status: "error", detail: String(error) });
  }
}
