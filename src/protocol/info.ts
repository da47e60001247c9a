/** INFO: what the server says of itself (client protocol, section 3). */
import { natsVersion, weftVersion } from '../version.js';

/** The fields of INFO on a client listener, in the order they have on the wire. Absent ones are left out. */
export interface InfoFields {
  server_id: string;
  server_name: string;
  version: string;
  proto: number;
  git_commit?: string;
  go: string;
  host: string;
  port: number;
  headers: boolean;
  auth_required?: boolean;
  tls_required?: boolean;
  tls_verify?: boolean;
  tls_available?: boolean;
  max_payload: number;
  jetstream?: boolean;
  client_id?: number;
  client_ip?: string;
  nonce?: string;
  cluster?: string;
  domain?: string;
  connect_urls?: string[];
  ldm?: boolean;
  connect_info?: boolean;
  remote_account?: string;
  acc_is_sys?: boolean;
  api_lvl?: number;
  xkey?: string;
  /** Our own version, which no client knows. */
  weft_version: string;
}

const ORDER: (keyof InfoFields)[] = [
  'server_id',
  'server_name',
  'version',
  'proto',
  'git_commit',
  'go',
  'host',
  'port',
  'headers',
  'auth_required',
  'tls_required',
  'tls_verify',
  'tls_available',
  'max_payload',
  'jetstream',
  'client_id',
  'client_ip',
  'nonce',
  'cluster',
  'domain',
  'connect_urls',
  'ldm',
  'connect_info',
  'remote_account',
  'acc_is_sys',
  'api_lvl',
  'xkey',
  'weft_version',
];

/** Fields that are written even when they are false, zero or empty. */
const ALWAYS = new Set<string>([
  'server_id',
  'server_name',
  'version',
  'proto',
  'go',
  'host',
  'port',
  'headers',
  'max_payload',
]);

/** JetStream API level of 2.15; sent whether JetStream is on or not. */
export const API_LEVEL = 5;

export const versionFields = {
  version: natsVersion,
  proto: 1,
  go: `node${process.versions.node}`,
  api_lvl: API_LEVEL,
  weft_version: weftVersion,
} as const;

/** `INFO {...} CRLF` as a latin1 string of the UTF-8 bytes. */
export function infoLine(fields: InfoFields): string {
  const out: Record<string, unknown> = {};
  for (const key of ORDER) {
    const value = fields[key];
    if (value === undefined) continue;
    const empty =
      value === false || value === 0 || value === '' || (Array.isArray(value) && value.length === 0);
    if (!empty || ALWAYS.has(key)) out[key] = value;
  }
  const json = JSON.stringify(out).replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return `INFO ${Buffer.from(json, 'utf8').toString('latin1')} \r\n`;
}
