/** CONNECT: what a client says of itself (client protocol, section 4). */

/** The fields of CONNECT that the server knows, with the defaults of absent ones. Text is as JSON has it (UTF-16). */
export interface ConnectOptions {
  verbose: boolean;
  pedantic: boolean;
  echo: boolean;
  tls_required: boolean;
  headers: boolean;
  no_responders: boolean;
  protocol: number;
  nkey: string;
  sig: string;
  jwt: string;
  auth_token: string;
  user: string;
  pass: string;
  name: string;
  lang: string;
  version: string;
  account: string;
  new_account: boolean;
  proxy_sig: string;
}

/** How a connection behaves before its CONNECT. */
export function defaultConnect(): ConnectOptions {
  return {
    verbose: true,
    pedantic: true,
    echo: true,
    tls_required: false,
    headers: false,
    no_responders: false,
    protocol: 0,
    nkey: '',
    sig: '',
    jwt: '',
    auth_token: '',
    user: '',
    pass: '',
    name: '',
    lang: '',
    version: '',
    account: '',
    new_account: false,
    proxy_sig: '',
  };
}

/** A number as the field `protocol` may have it: written without fraction and exponent. */
const PROTOCOL = /"protocol"\s*:\s*(-?[0-9][0-9.eE+-]*)/gi;

const KEYS = Object.keys(defaultConnect()) as (keyof ConnectOptions)[];
const KEY_BY_NAME = new Map<string, keyof ConnectOptions>(KEYS.map((key) => [key, key]));

/** Fields of other kinds of connections, whose type is looked at all the same. */
const PERMISSIONS = new Set(['import', 'export']);

function checkObject(name: string, field: unknown): void {
  if (typeof field !== 'object' || Array.isArray(field)) throw new Error(`wrong type for ${name}`);
}

/**
 * Reads the JSON of CONNECT over what was known before: keys in any case, unknown ones ignored, null changes nothing.
 * Throws where the official server's decoder does: invalid JSON, or a known key with a value of another type.
 */
export function readConnect(json: string, known: ConnectOptions): ConnectOptions {
  const value: unknown = JSON.parse(Buffer.from(json, 'latin1').toString('utf8'));
  if (value === null) return { ...known };
  // JSON.parse makes 1.0 and 1e0 the same as 1.
  for (const [, number] of json.matchAll(PROTOCOL)) {
    if (!/^-?[0-9]{1,18}$/.test(number!)) throw new Error('wrong type for protocol');
  }
  if (typeof value !== 'object' || Array.isArray(value)) throw new Error('CONNECT is not an object');
  const result: ConnectOptions = { ...known };
  const fields = result as unknown as Record<string, unknown>;
  for (const [name, field] of Object.entries(value)) {
    if (field === null) continue;
    const key = KEY_BY_NAME.get(name.toLowerCase());
    if (key === undefined) {
      if (PERMISSIONS.has(name.toLowerCase())) checkObject(name, field);
      continue;
    }
    if (typeof field !== typeof fields[key]) throw new Error(`wrong type for ${key}`);
    fields[key] = field;
  }
  return result;
}

const INFO_TYPES: Record<string, 'string' | 'number' | 'boolean'> = {
  server_id: 'string',
  server_name: 'string',
  version: 'string',
  proto: 'number',
  git_commit: 'string',
  go: 'string',
  host: 'string',
  port: 'number',
  headers: 'boolean',
  auth_required: 'boolean',
  tls_required: 'boolean',
  tls_verify: 'boolean',
  tls_available: 'boolean',
  max_payload: 'number',
  jetstream: 'boolean',
  ip: 'string',
  client_id: 'number',
  client_ip: 'string',
  nonce: 'string',
  cluster: 'string',
  cluster_dynamic: 'boolean',
  domain: 'string',
  ldm: 'boolean',
};

/** Checks the INFO of a client, which says nothing to the server. Throws where the official server's decoder does. */
export function checkInfo(json: string): void {
  const value: unknown = JSON.parse(Buffer.from(json, 'latin1').toString('utf8'));
  if (value === null) return;
  if (typeof value !== 'object' || Array.isArray(value)) throw new Error('INFO is not an object');
  for (const [name, field] of Object.entries(value)) {
    const type = INFO_TYPES[name.toLowerCase()];
    if (type !== undefined && field !== null && typeof field !== type)
      throw new Error(`wrong type for ${name}`);
  }
}
