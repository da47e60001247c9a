/**
 * The table of every key of the configuration language. Reading, `-t`, reload and the reference page go by it. The
 * rows are in `keys/`, one file per part of the server, written as tables so that they can be read as such.
 *
 * A path names the blocks around a key. `[]` stands for an element of an array, `<name>` for a name of the user's
 * choice. `users[]`, `permissions` and `tls` are blocks that occur in several places and are described once.
 */

import { once } from '../runtime/once.js';
import { accountsKeys } from './keys/accounts.js';
import { clusterKeys } from './keys/cluster.js';
import { doorsKeys } from './keys/doors.js';
import { generalKeys } from './keys/general.js';
import { jetstreamKeys } from './keys/jetstream.js';
import { leafnodesKeys } from './keys/leafnodes.js';
import { securityKeys } from './keys/security.js';
import { tlsKeys } from './keys/tls.js';
import type { ConfigValue } from './syntax.js';

/** `core` works; anything else names what this version does not have yet, and makes its keys an error. */
export type Capability =
  | 'core'
  | 'accounts'
  | 'cluster'
  | 'gateways'
  | 'jwt'
  | 'leafnodes'
  | 'mqtt'
  | 'ocsp'
  | 'profiling'
  | 'syslog'
  | 'websocket'
  | 'windows certificate store';

export interface KeySpec {
  /** `authorization.users`, `tls.cert_file`, `port`. */
  path: string;
  aliases: readonly string[];
  type: string;
  /** As written in a file; empty where there is none. */
  default: string;
  /** `yes` or `no`, with a remark where it is not the whole truth. */
  reload: string;
  /** Version of the official server that brought it; empty where it is old. */
  since: string;
  capability: Capability;
  meaning: string;
}

/** All keys by part of the server, in the order of the reference page. Most starts have no file, and need none of them. */
export const keyGroups = once(() => ({
  general: readTable(generalKeys),
  security: readTable(securityKeys),
  tls: readTable(tlsKeys),
  accounts: readTable(accountsKeys),
  cluster: readTable(clusterKeys),
  leafnodes: readTable(leafnodesKeys),
  jetstream: readTable(jetstreamKeys),
  doors: readTable(doorsKeys),
}));

function readTable(table: string): KeySpec[] {
  const [, ...rows] = table.trim().split('\n');
  return rows.map((row) => {
    const [path, aliases, type, byDefault, reload, since, capability, meaning] = row
      .split('|')
      .map((cell) => cell.trim())
      .map((cell) => (cell === '-' ? '' : cell)) as [
      string,
      string,
      string,
      string,
      string,
      string,
      string,
      string,
    ];
    return {
      path,
      aliases: aliases === '' ? [] : aliases.split(' '),
      type,
      default: byDefault,
      reload,
      since,
      capability: capability as Capability,
      meaning,
    };
  });
}

/** By block, then by name or alias. */
const index = once((): ReadonlyMap<string, ReadonlyMap<string, KeySpec>> => {
  const blocks = new Map<string, Map<string, KeySpec>>();
  for (const spec of allKeys()) {
    const { block, name } = splitPath(spec.path);
    let keys = blocks.get(block);
    if (keys === undefined) blocks.set(block, (keys = new Map()));
    for (const alias of [name, ...spec.aliases]) keys.set(alias, spec);
  }
  return blocks;
});

/** Names proper: a configuration may ask for them some hundred thousand times. */
const names = once(
  (): ReadonlyMap<KeySpec, string> => new Map(allKeys().map((spec) => [spec, splitPath(spec.path).name])),
);

function allKeys(): KeySpec[] {
  return Object.values(keyGroups()).flat();
}

function splitPath(path: string): { block: string; name: string } {
  const bare = path.endsWith('[]') ? path.slice(0, -2) : path;
  const dot = bare.lastIndexOf('.');
  return { block: dot < 0 ? '' : bare.slice(0, dot), name: bare.slice(dot + 1) };
}

/** The key of that name, or with that alias, in any case, in a block such as `authorization`; `''` is the top level. */
export function findKey(block: string, name: string): KeySpec | undefined {
  const keys = index().get(block);
  return keys?.get(name) ?? keys?.get(name.toLowerCase());
}

/** The last part of a key's path: its name proper, whatever alias was written. */
export function keyName(spec: KeySpec): string {
  return names().get(spec) ?? splitPath(spec.path).name;
}

/** Whether a value leaves switched off what its key is for, so that nothing is missing when that is not there. */
export function asksForNothing(spec: KeySpec, value: ConfigValue['value']): boolean {
  const { type } = spec;
  if (value === false) return type.includes('bool');
  if (value === 0n) return type.startsWith('int');
  if (value === '') return type.startsWith('string');
  if (Array.isArray(value)) return value.length === 0 && type.includes('[]');
  if (keyName(spec) !== 'jetstream') return value instanceof Map && value.size === 0 && type.includes('map');
  if (typeof value === 'string') return value.toLowerCase() === 'disabled';
  if (!(value instanceof Map)) return false;
  const switches = [...value].filter(([key]) => /^enabled?$/i.test(key));
  return switches.length > 0 && switches.every(([, item]) => item.value === false);
}
