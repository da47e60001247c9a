/**
 * API levels: which version of JetStream a stream or consumer needs, kept in its metadata so that a server that lacks it leaves the
 * asset alone; and the metadata that answers carry of the server that gives them.
 */
import { ZERO_TIME } from '../protocol/rfc3339.js';
import { natsVersion } from '../version.js';
import type { ConsumerConfig } from './consumer-config.js';
import { headerText, headerValue } from './headers.js';
import type { StreamConfig } from './stream-config.js';

export const API_LEVEL = 5;

export const REQUIRED_LEVEL = '_nats.req.level';
const SERVER_VERSION = '_nats.ver';
const SERVER_LEVEL = '_nats.level';
export const REQUIRED_LEVEL_HEADER = 'Nats-Required-Api-Level';

type Metadata = Record<string, string> | undefined;

export function levelOfStream(config: StreamConfig): number {
  if (config.allow_batched) return 4;
  const { allow_msg_counter: counter, allow_atomic: atomic, allow_msg_schedules: schedules } = config;
  if (counter || atomic || schedules || config.persist_mode === 'async') return 2;
  return config.allow_msg_ttl || config.subject_delete_marker_ttl > 0 ? 1 : 0;
}

export function levelOfConsumer(config: ConsumerConfig): number {
  if (config.ack_policy === 'flow_control') return 4;
  const prioritized = config.priority_policy !== 'none' || (config.priority_groups?.length ?? 0) > 0;
  const pauses = config.pause_until !== undefined && config.pause_until !== ZERO_TIME;
  return prioritized || pauses || config.priority_timeout > 0 ? 1 : 0;
}

/** The metadata as it is stored: whatever a client says of the level gives way to the truth. */
export function storedMetadata(metadata: Metadata, level: number): Record<string, string> {
  const { [SERVER_VERSION]: _version, [SERVER_LEVEL]: _level, ...rest } = metadata ?? {};
  return { ...rest, [REQUIRED_LEVEL]: String(level) };
}

/** The same with what answers add of this server. */
export function shownMetadata(metadata: Metadata): Record<string, string> {
  return { ...metadata, [SERVER_VERSION]: natsVersion, [SERVER_LEVEL]: String(API_LEVEL) };
}

/** The metadata of an asset that is about to be compared with a new configuration of it. */
export function withLevelOf(metadata: Metadata, other: Metadata): Metadata {
  const { [REQUIRED_LEVEL]: _own, ...rest } = metadata ?? {};
  const level = other?.[REQUIRED_LEVEL];
  const result = level === undefined ? rest : { ...rest, [REQUIRED_LEVEL]: level };
  return Object.keys(result).length === 0 ? undefined : result;
}

/** Whether a stored asset needs more than this server has. */
export function isUnsupported(metadata: Metadata): boolean {
  const level = metadata?.[REQUIRED_LEVEL];
  return level !== undefined && !(Number(level) <= API_LEVEL);
}

/** Why an asset is not loaded, in the official words. `unknown` is what a strict reader says of it. */
export function unsupportedReason(metadata: Metadata, unknown: Error | null): string {
  return unknown === null
    ? `unsupported - required API level: ${metadata?.[REQUIRED_LEVEL]}, current API level: ${API_LEVEL}`
    : `unsupported - config error: ${unknown.message.replace(/^json: /, '')}`;
}

/** Whether a request asks for a server of a higher level. */
export function needsHigherLevel(header: Uint8Array | null): boolean {
  if (header === null) return false;
  const level = headerValue(headerText(header), REQUIRED_LEVEL_HEADER);
  return level !== undefined && level !== '' && exceedsLevel(level);
}

/** Whether the level that a request asks for is higher than this server's, or none at all. */
export function exceedsLevel(level: string): boolean {
  return !(/^-?[0-9]+$/.test(level) && Number(level) <= API_LEVEL);
}
