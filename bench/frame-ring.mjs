// Prebuilt PUBs whose reply subjects never repeat, as those of clients do not: a server that remembers subjects must not find them again.
//
// The ring has a power of ten of frames. The last digits of a frame's reply token are its place in the ring and stay; the first ones
// count the laps, and are all that is written when a frame is used again. Whoever uses a ring has less than half of it under way, so no
// frame is written to while the socket still holds it.
import { expandSubjects, publishFrame } from './wire.mjs';

const TOKEN = 8; // digits
const STRIDE = 7919; // neighbours in time are not neighbours in the server's tables

export class FrameRing {
  #lapDigits;
  #lapAt; // where the token begins in a frame
  #next = 0;
  #lap = 0;

  /**
   * @param {object} spec
   * @param {string[]} spec.subjects all of one length
   * @param {number} spec.size payload bytes
   * @param {string} spec.inbox the reply subjects are `<inbox>.<token>`
   * @param {number} spec.window frames that may be under way
   * @param {number} [spec.offset] where in the subjects to begin
   */
  constructor({ subjects, size, inbox, window, offset = 0 }) {
    let digits = 1;
    while (10 ** digits < Math.max(2 * window, subjects.length)) digits++;
    this.count = 10 ** digits;
    this.#lapDigits = TOKEN - digits;
    const frame = (i) => {
      const token = String(i).padStart(TOKEN, '0');
      return publishFrame(subjects[(i * STRIDE + offset) % subjects.length], size, `${inbox}.${token}`);
    };
    this.length = frame(0).length;
    this.#lapAt = frame(0).indexOf(` ${inbox}.`) + inbox.length + 2;
    this.bytes = Buffer.allocUnsafeSlow(this.count * this.length);
    for (let i = 0; i < this.count; i++) frame(i).copy(this.bytes, i * this.length);
  }

  /** Gives the bytes of the next `count` frames to `write`, in one or two parts. */
  take(count, write) {
    while (count > 0) {
      const part = Math.min(count, this.count - this.#next);
      const from = this.#next * this.length;
      if (this.#lap > 0) this.#writeLap(from, part);
      write(this.bytes.subarray(from, from + part * this.length));
      this.#next += part;
      count -= part;
      if (this.#next === this.count) {
        this.#next = 0;
        this.#lap++;
      }
    }
  }

  #writeLap(from, count) {
    const { bytes, length } = this;
    let at = from + this.#lapAt;
    for (let i = 0; i < count; i++, at += length) {
      let lap = this.#lap;
      for (let digit = this.#lapDigits - 1; digit >= 0; digit--) {
        bytes[at + digit] = 48 + (lap % 10);
        lap = Math.floor(lap / 10);
      }
    }
  }
}

/** The subjects of a spec, a plain list or one name. @returns {string[]} */
export const subjectsOf = (spec) => (Array.isArray(spec) ? spec : expandSubjects(spec));
