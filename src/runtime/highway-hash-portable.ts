/**
 * HighwayHash-64 in its plain form: for machines whose WebAssembly has no vectors, and for the tests, which compare the other one with
 * it. Some 50 times slower than that.
 */

const MASK = 0xffff_ffff_ffff_ffffn;
const LOW = 0xffff_ffffn;
const LANES = [0, 1, 2, 3] as const;
const MUL0 = [0xdbe6d5d5fe4cce2fn, 0xa4093822299f31d0n, 0x13198a2e03707344n, 0x243f6a8885a308d3n];
const MUL1 = [0x3bd39e10cb0ef593n, 0xc0acf169b5f18a8cn, 0xbe5466cf34e90c6cn, 0x452821e638d01377n];
/** Of which byte of a pair of lanes (0-7 the first, 8-15 the second) each byte of the pair that is added comes. */
const ZIPPER = [3, 12, 2, 5, 14, 1, 15, 0, 11, 4, 10, 13, 9, 6, 8, 7];

const swapHalves = (lane: bigint) => (lane >> 32n) | ((lane & LOW) << 32n);

class State {
  readonly mul0 = [...MUL0];
  readonly mul1 = [...MUL1];
  readonly v0: bigint[];
  readonly v1: bigint[];

  constructor(key: bigint[]) {
    this.v0 = LANES.map((i) => MUL0[i]! ^ key[i]!);
    this.v1 = LANES.map((i) => MUL1[i]! ^ swapHalves(key[i]!));
  }

  mix(packet: bigint[]): void {
    const { v0, v1, mul0, mul1 } = this;
    for (const i of LANES) {
      v1[i] = (v1[i]! + packet[i]! + mul0[i]!) & MASK;
      mul0[i]! ^= (v1[i]! & LOW) * (v0[i]! >> 32n);
      v0[i] = (v0[i]! + mul1[i]!) & MASK;
      mul1[i]! ^= (v0[i]! & LOW) * (v1[i]! >> 32n);
    }
    for (const pair of [0, 2]) addZipped(v0, v1, pair);
    for (const pair of [0, 2]) addZipped(v1, v0, pair);
  }

  /** The last 1 to 31 bytes. */
  mixRest(bytes: Uint8Array): void {
    const length = BigInt(bytes.length);
    for (const i of LANES) {
      this.v0[i] = (this.v0[i]! + (length << 32n) + length) & MASK;
      const rotate = (half: bigint) => ((half << length) | (half >> (32n - length))) & LOW;
      this.v1[i] = (rotate(this.v1[i]! >> 32n) << 32n) | rotate(this.v1[i]! & LOW);
    }
    const packet = new Uint8Array(32);
    const odd = bytes.length & 3;
    const whole = bytes.length - odd;
    packet.set(bytes.subarray(0, whole));
    if (bytes.length >= 16) {
      packet.set(bytes.subarray(-4), 28);
    } else if (odd > 0) {
      packet[16] = bytes[whole]!;
      packet[17] = bytes[whole + (odd >> 1)]!;
      packet[18] = bytes[bytes.length - 1]!;
    }
    this.mix(lanesOf(packet, 0));
  }

  close(): bigint {
    const { v0, v1, mul0, mul1 } = this;
    for (const _ of LANES) this.mix([2, 3, 0, 1].map((i) => swapHalves(v0[i]!)));
    return (v0[0]! + v1[0]! + mul0[0]! + mul1[0]!) & MASK;
  }
}

function addZipped(to: bigint[], from: bigint[], pair: number): void {
  const both = from[pair]! | (from[pair + 1]! << 64n);
  let zipped = 0n;
  ZIPPER.forEach((source, i) => {
    zipped |= ((both >> BigInt(source * 8)) & 255n) << BigInt(i * 8);
  });
  to[pair] = (to[pair]! + (zipped & MASK)) & MASK;
  to[pair + 1] = (to[pair + 1]! + (zipped >> 64n)) & MASK;
}

function lanesOf(bytes: Uint8Array, at: number): bigint[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return LANES.map((i) => view.getBigUint64(at + i * 8, true));
}

/** The hash of `bytes` under a key of 32 bytes, as the number whose little endian form is stored. */
export function portableHighwayHash(key: Uint8Array, bytes: Uint8Array): bigint {
  const state = new State(lanesOf(key, 0));
  const whole = bytes.length - (bytes.length % 32);
  for (let at = 0; at < whole; at += 32) state.mix(lanesOf(bytes, at));
  if (whole < bytes.length) state.mixRest(bytes.subarray(whole));
  return state.close();
}
