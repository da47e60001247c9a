/** Puts other files in the place of those of blocks: without what is dead, compressed, or with a message overwritten. */
import type { FileBlock } from './file-store-block.js';
import type { FileStoreOptions } from './file-store-options.js';
import type { BlockRemover } from './file-store-removal.js';
import type { BlockRenewal } from './file-store-renewal.js';
import { LiveCopy, writeBlockFile } from './file-store-rewrite.js';
import type { BlockState } from './file-store-tidy.js';
import { blockFile } from './layout.js';

export interface RewrittenStore {
  readonly options: FileStoreOptions;
  readonly messagesDirectory: string;
  readonly blocks: readonly FileBlock[];
  readonly remover: BlockRemover;
  /** Whether nothing is on its way to the disk. */
  isQuiet(): boolean;
  /** Whether nothing of the block is to be written, nor will it soon be gone. */
  isLeftAlone(block: FileBlock): boolean;
  /** Whether the record of a deleted message may lie in another block. */
  isBuriedElsewhere(block: FileBlock, sequence: number): boolean;
  /** Takes an empty block out of use. */
  retire(block: FileBlock): void;
  /** The record at a place is damaged. */
  setAside(block: FileBlock, place: number): void;
  /** An index that was written does not tell the truth any more. */
  changing(): void;
}

export class BlockRewriter {
  readonly #store: RewrittenStore;

  constructor(store: RewrittenStore) {
    this.#store = store;
  }

  besideOf({ number }: FileBlock): string {
    return `${this.#store.messagesDirectory}/${number}.new`;
  }

  stateOf(block: FileBlock): BlockState {
    const { blocks } = this.#store;
    if (block === blocks.at(-1)) return 'last';
    if (!blocks.includes(block)) return 'never';
    return block.isDurable && this.#store.isLeftAlone(block) ? 'settled' : 'later';
  }

  copyOf(block: FileBlock): LiveCopy | null {
    if (block.messages > 0) return this.#copy(block);
    this.#store.retire(block);
    return null;
  }

  #copy(block: FileBlock): LiveCopy {
    const { hash, blockSize } = this.#store.options;
    return new LiveCopy(block, hash, blockSize, (each) => this.#store.isBuriedElsewhere(block, each));
  }

  rewriteLast(block: FileBlock): boolean {
    if (!this.#store.isQuiet()) return false;
    this.rewrite(block);
    return true;
  }

  /**
   * Leaves out of a block what is dead, in this turn. Throws while the old file is there. Where the new one may not be durable, the next
   * commit sees to that.
   */
  rewrite(block: FileBlock): void {
    const isLast = block === this.#store.blocks.at(-1);
    const copy = this.#copy(block).finish(isLast);
    const compress = !isLast && (block.compressed || (this.#store.options.compress ?? false));
    this.replace(block, copy.content, compress);
    block.rewritten(copy, compress);
  }

  /** What was written beside the file of a block takes its place. Throws while the old one is there. */
  exchange({ block, path, copy, compress }: BlockRenewal): void {
    if (copy !== null && !block.isOf(copy)) throw new Error('the block has other places now');
    for (const place of copy?.missing() ?? []) this.#store.setAside(block, place);
    if (!this.#store.blocks.includes(block)) throw new Error('nothing of the block is left');
    this.#store.options.disk.rename(path, this.#letGo(block));
    if (copy === null) block.wasCompressed();
    else block.rewritten(copy, compress);
    this.#store.remover.renamed();
  }

  /** Throws if the file is still the old one; what it returns is why the new one may not be durable. */
  replace(block: FileBlock, content: Buffer, compress: boolean): Error | null {
    const path = this.#letGo(block);
    const failure = writeBlockFile(this.#store.options.disk, path, content, compress, block.cipher);
    if (failure !== null) this.#store.remover.renamedInDoubt();
    return failure;
  }

  /** Makes the file of a block ready to be replaced. */
  #letGo(block: FileBlock): string {
    const { remover, options, messagesDirectory } = this.#store;
    this.#store.changing();
    remover.sync();
    const path = `${messagesDirectory}/${blockFile(block.number)}`;
    options.commit.forgetFile(path);
    block.closeFile();
    return path;
  }
}
