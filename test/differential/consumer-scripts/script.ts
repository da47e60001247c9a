import type { Player } from '../jetstream-player.js';

/** What is played on a stream of its own, `s`, which takes `<s>.>`. */
export interface Script {
  /** Of the stream's configuration. */
  stream?: Record<string, unknown>;
  play(player: Player, s: string): Promise<void>;
}

export type Scripts = Record<string, Script>;

export const SECOND = 1e9;
export const MILLISECOND = 1e6;
