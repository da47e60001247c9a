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

/** Fields that are in every template and whose value each connection has of its own. */
type CommonInfo = Omit<InfoFields, keyof ConnectionInfo>;

/** INFO with all that is the same for every connection written out once. */
export class InfoTemplate {
  readonly #head: string;
  readonly #tls: string;
  readonly #cluster: string;
  readonly #tail: string;

  constructor(fields: CommonInfo) {
    const at = (key: keyof InfoFields) => ORDER.indexOf(key);
    const part = (from: number, to: number) => members(fields, ORDER.slice(from, to));
    this.#head = part(0, at('auth_required'));
    this.#tls = part(at('tls_required'), at('max_payload'));
    this.#cluster = part(at('cluster'), at('ldm'));
    this.#tail = part(at('api_lvl'), ORDER.length);
  }

  /** `INFO {...} CRLF` as a latin1 string of the UTF-8 bytes. */
  line(own: ConnectionInfo): string {
    const required = own.auth_required ? ',"auth_required":true' : '';
    const before = `${this.#head}${required}${this.#tls},"max_payload":${own.max_payload},"client_id":${own.client_id}`;
    const ip = own.client_ip ? `,"client_ip":"${own.client_ip}"` : '';
    const nonce = own.nonce ? `,"nonce":"${own.nonce}"` : '';
    const bound = own.connect_info || own.ldm ? members(own, BOUND) : '';
    // Each part begins with a comma.
    return `INFO {${`${before}${ip}${nonce}${this.#cluster}${bound}${this.#tail}`.slice(1)}} \r\n`;
  }
}

const BOUND: (keyof InfoFields)[] = ['ldm', 'connect_info', 'remote_account', 'acc_is_sys'];

/** `,"key":value` for every field that is there, as latin1 text of the UTF-8 bytes. */
function members(fields: Partial<InfoFields>, keys: (keyof InfoFields)[]): string {
  let text = '';
  for (const key of keys) {
    const value = fields[key];
    if (value === undefined) continue;
    const empty =
      value === false || value === 0 || value === '' || (Array.isArray(value) && value.length === 0);
    if (!empty || ALWAYS.has(key)) text += `,"${key}":${JSON.stringify(value)}`;
  }
  const escaped = text.replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return Buffer.from(escaped, 'utf8').toString('latin1');
}
