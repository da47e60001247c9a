// As much of an assembler for WebAssembly as the kernels under src/runtime need: instructions are nested arrays of bytes, written
// operands first, and `assemble` puts the module around them.

/** Unsigned LEB128. */
export function unsigned(value) {
  const bytes = [];
  do {
    const low = value & 127;
    value >>>= 7;
    bytes.push(value === 0 ? low : low | 128);
  } while (value !== 0);
  return bytes;
}

/** Signed LEB128, of a number or a bigint. */
function signed(value) {
  let rest = BigInt(value);
  for (const bytes = []; ; ) {
    const low = Number(rest & 127n);
    rest >>= 7n;
    const last = (rest === 0n && (low & 64) === 0) || (rest === -1n && (low & 64) !== 0);
    bytes.push(last ? low : low | 128);
    if (last) return bytes;
  }
}

const I32 = 0x7f;
export const V128 = 0x7b;
const EMPTY = 0x40;

export const get = (local) => [0x20, unsigned(local)];
export const set = (local, value) => [value, 0x21, unsigned(local)];
export const tee = (local, value) => [value, 0x22, unsigned(local)];
export const i32 = (value) => [0x41, signed(value)];
export const call = (index, ...operands) => [operands, 0x10, unsigned(index)];

const binary = (code) => (left, right) => [left, right, code];
export const add = binary(0x6a);
export const sub = binary(0x6b);
export const and = binary(0x71);
export const shl = binary(0x74);
export const shr = binary(0x76);
export const eqz = (value) => [value, 0x45];
export const ltU = binary(0x49);
export const leU = binary(0x4d);
export const geU = binary(0x4f);
export const select = (yes, no, condition) => [yes, no, condition, 0x1b];

export const when = (condition, yes, no) => [condition, 0x04, EMPTY, yes, no ? [0x05, no] : [], 0x0b];
/** Runs the body, and again as long as the condition holds. */
export const repeat = (body, condition) => [0x03, EMPTY, body, condition, 0x0d, 0, 0x0b];

const memory = (code) => (address, offset, value) => [address, value, code, 0, unsigned(offset)];
export const load8 = (address, offset = 0) => [address, 0x2d, 0, unsigned(offset)];
export const load16 = (address, offset = 0) => [address, 0x2f, 0, unsigned(offset)];
export const load32 = (address, offset = 0) => [address, 0x28, 0, unsigned(offset)];
export const store8 = memory(0x3a);
export const store32 = memory(0x36);

const vector = (code, ...after) => [0xfd, unsigned(code), after];
export const vLoad = (address, offset = 0) => [address, vector(0x00, 0, unsigned(offset))];
export const vStore = (address, offset, value) => [address, value, vector(0x0b, 0, unsigned(offset))];
export const vStoreLane64 = (address, offset, value, lane) => [
  address,
  value,
  vector(0x5b, 0, unsigned(offset), lane),
];
/** Two lanes of 64 bits, the lower one first. */
export const vConst = (low, high) => {
  const bytes = [];
  for (const lane of [low, high]) for (let i = 0n; i < 64n; i += 8n) bytes.push(Number((lane >> i) & 255n));
  return vector(0x0c, bytes);
};
export const vShuffle = (value, lanes) => [value, value, vector(0x0d, lanes)];
const vBinary = (code) => (left, right) => [left, right, vector(code)];
export const vXor = vBinary(0x51);
export const vOr = vBinary(0x50);
export const vAdd64 = vBinary(0xce);
/** Products of 64 bits of the two lower lanes of 32 bits. */
export const vMulLow32 = vBinary(0xde);
export const vSplat32 = (value) => [value, vector(0x11)];
export const vShl32 = (value, by) => [value, by, vector(0xab)];
export const vShr32 = (value, by) => [value, by, vector(0xad)];

const section = (id, content) => {
  const bytes = content.flat(Infinity);
  return [id, unsigned(bytes.length), bytes];
};
const list = (items) => [unsigned(items.length), items];
const name = (text) => [unsigned(text.length), [...Buffer.from(text)]];

/**
 * Functions are `{ name?, params, results?, locals?, body }`: params and results (none unless told otherwise) numbers of i32, locals the
 * types of further ones; those with a name are exported. The memory is imported as `env.memory`.
 */
export function assemble(functions) {
  const integers = (count) => list(Array(count).fill(I32));
  const types = functions.map(({ params, results = 0 }) => [0x60, integers(params), integers(results)]);
  const bodies = functions.map(({ locals = [], body }) => {
    const code = [list(locals.map((type) => [1, type])), body, 0x0b].flat(Infinity);
    return [unsigned(code.length), code];
  });
  const exported = functions.flatMap(({ name: text }, index) =>
    text ? [[name(text), 0, unsigned(index)]] : [],
  );
  const bytes = [
    [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    section(1, list(types)),
    section(2, list([[name('env'), name('memory'), 2, 0, 1]])),
    section(3, list(functions.map((_, index) => unsigned(index)))),
    section(7, list(exported)),
    section(10, list(bodies)),
  ];
  return Buffer.from(bytes.flat(Infinity));
}

export { I32 };
