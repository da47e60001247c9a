/** Bytes that come in pieces and are taken in other pieces. */

export class ByteQueue {
  readonly #pieces: Uint8Array[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** The piece is kept, not copied. */
  push(piece: Uint8Array): void {
    if (piece.length === 0) return;
    this.#pieces.push(piece);
    this.#length += piece.length;
  }

  /** Up to `count` bytes from the front, which stay there. */
  peek(count: number): Uint8Array {
    const first = this.#pieces[0];
    if (first === undefined) return new Uint8Array(0);
    if (first.length >= count) return first.subarray(0, count);
    const parts: Uint8Array[] = [];
    for (let i = 0, left = count; i < this.#pieces.length && left > 0; i++) {
      const part = this.#pieces[i]!.subarray(0, left);
      parts.push(part);
      left -= part.length;
    }
    return Buffer.concat(parts);
  }

  /** Takes `count` bytes, of which there must be as many. */
  take(count: number): Buffer {
    const parts: Uint8Array[] = [];
    let used = 0;
    let left = count;
    for (; left > 0; used++) {
      const piece = this.#pieces[used]!;
      parts.push(piece.subarray(0, left));
      if (piece.length > left) {
        this.#pieces[used] = piece.subarray(left);
        break;
      }
      left -= piece.length;
    }
    this.#pieces.splice(0, used);
    this.#length -= count;
    return Buffer.concat(parts, count);
  }
}
