/**
 * Whether the names in a directory are those on the device. Where one was removed that a power cut may bring back, no entry of the
 * journal must speak of another directory of that name: it would be taken for the old one.
 */
export class DirectoryNames {
  #sure = false;
  #removals = 0;

  get sure(): boolean {
    return this.#sure;
  }

  removed(): void {
    this.#sure = false;
    this.#removals++;
  }

  /** What to give `synced` when a sync that begins now is over. */
  mark(): number {
    return this.#removals;
  }

  synced(mark: number): void {
    if (mark === this.#removals) this.#sure = true;
  }
}
