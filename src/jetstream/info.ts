/** What API answers say of streams, as JSON text in the official order. */

import { escapeForGo } from '../protocol/json.js';
import { nanosecondsToTime, ZERO_TIME } from '../protocol/rfc3339.js';
import type { StoreState } from './store/message-store.js';

/** JSON of an object from fields that are JSON already; absent ones are left out. */
export function jsonObject(fields: readonly (readonly [name: string, json: string | undefined])[]): string {
  const parts = fields.flatMap(([name, json]) => (json === undefined ? [] : [`"${name}":${json}`]));
  return `{${parts.join(',')}}`;
}

/** JSON of something that `JSON.stringify` knows, with Go's escapes. */
export function json(value: unknown): string {
  return escapeForGo(JSON.stringify(value));
}

export function timeJson(nanoseconds: bigint): string {
  return nanoseconds === 0n ? `"${ZERO_TIME}"` : `"${nanosecondsToTime(nanoseconds)}"`;
}

export interface StateDetails {
  consumers: number;
  /** JSON of the totals by subject, where they were asked for. */
  subjects?: string;
  /** Sequences that are gone, where they were asked for. */
  deleted?: readonly number[];
}

export function stateJson(state: StoreState, { consumers, subjects, deleted }: StateDetails): string {
  const { lost } = state;
  return jsonObject([
    ['messages', String(state.messages)],
    ['bytes', String(state.bytes)],
    ['first_seq', String(state.firstSequence)],
    ['first_ts', timeJson(state.firstTime)],
    ['last_seq', String(state.lastSequence)],
    ['last_ts', timeJson(state.lastTime)],
    ['num_subjects', state.subjects === 0 ? undefined : String(state.subjects)],
    ['subjects', subjects],
    ['num_deleted', state.deleted === 0 ? undefined : String(state.deleted)],
    ['deleted', deleted === undefined || deleted.length === 0 ? undefined : `[${deleted.join(',')}]`],
    ['lost', lost === null ? undefined : json({ msgs: lost.sequences, bytes: lost.bytes })],
    ['consumer_count', String(consumers)],
  ]);
}
