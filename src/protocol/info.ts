/** INFO: what the server says of itself (client protocol, section 3). */
import { natsVersion, weftVersion } from '../version.js';
import { fromUtf8 } from './bytes.js';
import { escapeForGo } from './json.js';

/** What INFO says to every connection of a kind. Absent fields are left out. */
export interface CommonInfo {
  server_id: string;
  server_name: string;
  version: string;
  proto: number;
  go: string;
  host: string;
  port: number;
  headers: boolean;
  tls_required?: boolean;
  tls_verify?: boolean;
  tls_available?: boolean;
  jetstream?: boolean;
  /** Of JetStream. */
  domain?: string;
  connect_urls?: string[];
  api_lvl?: number;
  xkey?: string;
  /** Our own version, which no client knows. */
  weft_version: string;
}

/** What INFO says to one connection only. */
export interface ConnectionInfo {
  max_payload: number;
  client_id: number;
  client_ip?: string;
  nonce?: string;
  auth_required: boolean;
  ldm?: boolean;
  connect_info?: boolean;
  remote_account?: string;
  acc_is_sys?: boolean;
}

type Key = keyof CommonInfo | keyof ConnectionInfo;

// The fields in the order they have on the wire; what stands between these groups is written by `line`.
const HEAD: Key[] = ['server_id', 'server_name', 'version', 'proto', 'go', 'host', 'port', 'headers'];
const TLS: Key[] = ['tls_required', 'tls_verify', 'tls_available'];
const BOUND: Key[] = ['ldm', 'connect_info', 'remote_account', 'acc_is_sys'];
const TAIL: Key[] = ['api_lvl', 'xkey', 'weft_version'];

/** Fields that are written even when they are false, zero or empty. */
const ALWAYS = new Set<Key>(HEAD);

/** JetStream API level of 2.15; sent whether JetStream is on or not. */
const API_LEVEL = 5;

export const versionFields = {
  version: natsVersion,
  proto: 1,
  go: `node${process.versions.node}`,
  api_lvl: API_LEVEL,
  weft_version: weftVersion,
} as const;

/** INFO with all that is the same for every connection written out once. */
export class InfoTemplate {
  readonly #head: string;
  readonly #tls: string;
  readonly #jetstream: string;
  readonly #urls: string;
  readonly #tail: string;

  constructor(fields: CommonInfo) {
    this.#head = members(fields, HEAD);
    this.#tls = members(fields, TLS);
    this.#jetstream = members(fields, ['jetstream']);
    this.#urls = members(fields, ['domain', 'connect_urls']);
    this.#tail = members(fields, TAIL);
  }

  /** `INFO {...} CRLF` as a latin1 string of the UTF-8 bytes. */
  line(own: ConnectionInfo): string {
    const required = own.auth_required ? ',"auth_required":true' : '';
    const before = `${this.#head}${required}${this.#tls},"max_payload":${own.max_payload}${this.#jetstream},"client_id":${own.client_id}`;
    const ip = own.client_ip ? `,"client_ip":"${own.client_ip}"` : '';
    const nonce = own.nonce ? `,"nonce":"${own.nonce}"` : '';
    const bound = own.connect_info || own.ldm ? members(own, BOUND) : '';
    // Each part begins with a comma.
    return `INFO {${`${before}${ip}${nonce}${this.#urls}${bound}${this.#tail}`.slice(1)}} \r\n`;
  }
}

/** `,"key":value` for every field that is there, as latin1 text of the UTF-8 bytes. */
function members(fields: Partial<CommonInfo & ConnectionInfo>, keys: Key[]): string {
  let text = '';
  for (const key of keys) {
    const value = fields[key];
    if (value === undefined) continue;
    const empty =
      value === false || value === 0 || value === '' || (Array.isArray(value) && value.length === 0);
    if (!empty || ALWAYS.has(key)) text += `,"${key}":${JSON.stringify(value)}`;
  }
  return fromUtf8(escapeForGo(text));
}
