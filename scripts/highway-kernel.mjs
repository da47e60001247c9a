// Writes src/runtime/highway-kernel.ts: HighwayHash-64 for WebAssembly with vectors.
//
//   node scripts/highway-kernel.mjs
//
// The four lanes of each of the state's words are two vectors; the state lies in memory between calls.
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as wasm from './wasm-assembler.mjs';

const { add, and, call, eqz, geU, get, i32, leU, load16, load32, load8, ltU, repeat } = wasm;
const { select, set, shl, shr, sub, tee, when } = wasm;
const { vAdd64, vConst, vLoad, vMulLow32, vOr, vShl32, vShr32, vShuffle, vSplat32, vStore, vXor } = wasm;

// Where things lie in the memory. `pieces` gathers in scratch, up to 64 KiB and a head.
const KEY = 0;
const STATE = 32;
const PACKET = 160;
const SCRATCH = 256;
export const SCRATCH_SIZE = 65536 + 256;

const MUL0 = [
  vConst(0xdbe6d5d5fe4cce2fn, 0xa4093822299f31d0n),
  vConst(0x13198a2e03707344n, 0x243f6a8885a308d3n),
];
const MUL1 = [
  vConst(0x3bd39e10cb0ef593n, 0xc0acf169b5f18a8cn),
  vConst(0xbe5466cf34e90c6cn, 0x452821e638d01377n),
];

const range = (start, count) => Array.from({ length: count }, (_, i) => start + i);
/** Words of 32 bits, by their numbers. */
const words = (value, ...order) =>
  vShuffle(
    value,
    order.flatMap((word) => range(word * 4, 4)),
  );
const swapHalves = (value) => words(value, 1, 0, 3, 2);
const low = (value) => words(value, 0, 2, 0, 2);
const high = (value) => words(value, 1, 3, 1, 3);
const zipper = (value) => vShuffle(value, [3, 12, 2, 5, 14, 1, 15, 0, 11, 4, 10, 13, 9, 6, 8, 7]);

/** The locals of the state from the first one on, each a pair. */
const state = (first) => {
  const pair = (i) => [first + i, first + i + 1];
  return { v0: pair(0), v1: pair(2), mul0: pair(4), mul1: pair(6), all: range(first, 8) };
};
const loadState = ({ all }) => all.map((local, i) => set(local, vLoad(i32(0), STATE + i * 16)));
const storeState = ({ all }) => all.map((local, i) => vStore(i32(0), STATE + i * 16, get(local)));

function mix({ v0, v1, mul0, mul1 }, packet) {
  const lanes = [0, 1].map((i) => [
    set(v1[i], vAdd64(vAdd64(get(v1[i]), packet[i]), get(mul0[i]))),
    set(mul0[i], vXor(get(mul0[i]), vMulLow32(low(get(v1[i])), high(get(v0[i]))))),
    set(v0[i], vAdd64(get(v0[i]), get(mul1[i]))),
    set(mul1[i], vXor(get(mul1[i]), vMulLow32(low(get(v0[i])), high(get(v1[i]))))),
  ]);
  const zips = [
    [v0, v1],
    [v1, v0],
  ].flatMap(([to, from]) => [0, 1].map((i) => set(to[i], vAdd64(get(to[i]), zipper(get(from[i]))))));
  return [lanes, zips];
}

/** The state of the key that lies at KEY. */
const begin = {
  params: 0,
  body: [0, 1].flatMap((i) => [
    vStore(i32(0), STATE + i * 16, vXor(MUL0[i], vLoad(i32(0), KEY + i * 16))),
    vStore(i32(0), STATE + 32 + i * 16, vXor(MUL1[i], swapHalves(vLoad(i32(0), KEY + i * 16)))),
    vStore(i32(0), STATE + 64 + i * 16, MUL0[i]),
    vStore(i32(0), STATE + 96 + i * 16, MUL1[i]),
  ]),
};

/** (from, end): whole packets. */
const update = (() => {
  const s = state(2);
  return {
    params: 2,
    locals: Array(8).fill(wasm.V128),
    body: when(ltU(get(0), get(1)), [
      loadState(s),
      repeat(mix(s, [vLoad(get(0)), vLoad(get(0), 16)]), ltU(tee(0, add(get(0), i32(32))), get(1))),
      storeState(s),
    ]),
  };
})();

/** (from, length below 32, out): the rest, the closing rounds, and the result of 8 bytes to `out`. */
const finish = (() => {
  const [from, length, out, whole, odd] = [0, 1, 2, 3, 4];
  const s = state(5);
  const zero = vConst(0n, 0n);
  const rotate = (value) => vOr(vShl32(value, get(length)), vShr32(value, sub(i32(32), get(length))));
  const oddByte = (offset, index) => wasm.store8(i32(0), PACKET + offset, load8(add(get(from), index)));
  const rest = [
    set(whole, and(get(length), i32(28))),
    // Two vectors whatever the length, then zeros over what was too much.
    vStore(i32(0), PACKET, vLoad(get(from))),
    vStore(i32(0), PACKET + 16, vLoad(get(from), 16)),
    vStore(get(whole), PACKET, zero),
    vStore(get(whole), PACKET + 16, zero),
    when(
      geU(get(length), i32(16)),
      wasm.store32(i32(0), PACKET + 28, load32(sub(add(get(from), get(length)), i32(4)))),
      when(tee(odd, and(get(length), i32(3))), [
        oddByte(16, get(whole)),
        oddByte(17, add(get(whole), shr(get(odd), i32(1)))),
        oddByte(18, sub(get(length), i32(1))),
      ]),
    ),
    [0, 1].flatMap((i) => [
      set(s.v0[i], vAdd64(get(s.v0[i]), vSplat32(get(length)))),
      set(s.v1[i], rotate(get(s.v1[i]))),
    ]),
    mix(s, [vLoad(i32(0), PACKET), vLoad(i32(0), PACKET + 16)]),
  ];
  // The packet of a closing round is taken before the round changes anything.
  const closing = [
    set(s.all[7] + 1, swapHalves(get(s.v0[1]))),
    set(s.all[7] + 2, swapHalves(get(s.v0[0]))),
    mix(s, [get(s.all[7] + 1), get(s.all[7] + 2)]),
  ];
  const sum = [s.v1, s.mul0, s.mul1].reduce((left, pair) => vAdd64(left, get(pair[0])), get(s.v0[0]));
  return {
    params: 3,
    locals: [wasm.I32, wasm.I32, ...Array(10).fill(wasm.V128)],
    body: [
      loadState(s),
      when(get(length), rest),
      [0, 1, 2, 3].map(() => closing),
      wasm.vStoreLane64(get(out), 0, sum, 0),
    ],
  };
})();

/** (to, from, length): by vectors, so up to 15 bytes more than asked for. */
const copy = {
  params: 3,
  locals: [wasm.I32],
  body: when(
    get(2),
    repeat(
      vStore(add(get(0), get(3)), 0, vLoad(add(get(1), get(3)))),
      ltU(tee(3, add(get(3), i32(16))), get(2)),
    ),
  ),
};

const [BEGIN, UPDATE, FINISH, COPY, PIECES] = [0, 1, 2, 3, 4];

/** (a, aLength, b, bLength, c, cLength, out): the hash of three pieces in a row; a and b are gathered in scratch. */
const pieces = (() => {
  const [a, aLength, b, bLength, c, cLength, out, gathered, fill] = range(0, 9);
  const wholePackets = (value) => and(value, i32(-32));
  const restOf = (value) => and(value, i32(31));
  return {
    name: 'pieces',
    params: 7,
    locals: [wasm.I32, wasm.I32],
    body: [
      call(BEGIN),
      call(COPY, i32(SCRATCH), get(a), get(aLength)),
      call(COPY, add(i32(SCRATCH), get(aLength)), get(b), get(bLength)),
      set(gathered, add(get(aLength), get(bLength))),
      // From c as much as completes a packet.
      set(fill, restOf(sub(i32(0), get(gathered)))),
      set(fill, select(get(fill), get(cLength), ltU(get(fill), get(cLength)))),
      call(COPY, add(i32(SCRATCH), get(gathered)), get(c), get(fill)),
      set(gathered, add(get(gathered), get(fill))),
      set(c, add(get(c), get(fill))),
      set(cLength, sub(get(cLength), get(fill))),
      call(UPDATE, i32(SCRATCH), add(i32(SCRATCH), wholePackets(get(gathered)))),
      when(
        eqz(restOf(get(gathered))),
        [
          call(UPDATE, get(c), add(get(c), wholePackets(get(cLength)))),
          call(FINISH, add(get(c), wholePackets(get(cLength))), restOf(get(cLength)), get(out)),
        ],
        call(FINISH, add(i32(SCRATCH), wholePackets(get(gathered))), restOf(get(gathered)), get(out)),
      ),
    ],
  };
})();

/**
 * (from, end): gives each record from there on, up to the last that ends before `end`, its hash in its last 8 bytes; returns the end of
 * that. The layout of records is told in src/jetstream/store/record.ts.
 */
const records = (() => {
  const [FIXED, HASH, SMALLEST, SUBJECT_LENGTH] = [22, 8, 30, 20];
  const [from, end, size, body] = [0, 1, 2, 3];
  const subject = () => add(get(from), i32(FIXED));
  const subjectLength = () => load16(get(from), SUBJECT_LENGTH);
  const hashAt = () => sub(add(get(from), get(size)), i32(HASH));
  const headers = () => shl(shr(load32(get(from)), i32(31)), i32(2)); // the length of headers takes 4 bytes
  const fits = and(
    and(
      leU(i32(SMALLEST), tee(size, and(load32(get(from)), i32(0x7fffffff)))),
      leU(add(get(from), i32(SMALLEST)), get(end)),
    ),
    leU(add(get(from), get(size)), get(end)),
  );
  return {
    name: 'records',
    params: 2,
    results: 1,
    locals: [wasm.I32, wasm.I32],
    body: [
      when(
        fits,
        repeat(
          [
            set(body, add(add(subject(), subjectLength()), headers())),
            call(
              PIECES,
              ...[add(get(from), i32(4)), i32(16), subject(), subjectLength()],
              ...[get(body), sub(hashAt(), get(body)), hashAt()],
            ),
            set(from, add(get(from), get(size))),
          ],
          fits,
        ),
      ),
      get(from),
    ],
  };
})();

const functions = [
  { name: 'begin', ...begin },
  { name: 'update', ...update },
  { name: 'finish', ...finish },
  copy,
  pieces,
  records,
];

export function highwayKernelSource() {
  const base64 = wasm.assemble(functions).toString('base64');
  const lines = base64.match(/.{1,100}/g).map((line) => `  '${line}'`);
  return `/**
 * HighwayHash-64 as a WebAssembly module, generated by scripts/highway-kernel.mjs: change it there. Its interface is described
 * in highway-hash.ts, its only user.
 */

/** Where the key is expected in the memory. */
export const KEY = ${KEY};
/** Memory below is the module's own. */
export const RESERVED = ${SCRATCH + SCRATCH_SIZE};

export const HIGHWAY_MODULE =
${lines.join(' +\n')};
`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  writeFileSync(join(root, 'src', 'runtime', 'highway-kernel.ts'), highwayKernelSource());
}
