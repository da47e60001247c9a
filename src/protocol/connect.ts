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

const KEYS = Object.keys(defaultConnect()) as (keyof ConnectOptions)[];
const KEY_BY_NAME = new Map<string, keyof ConnectOptions>(KEYS.map((key) => [key, key]));

/**
 * Reads the JSON of CONNECT over what was known before: keys in any case, unknown ones ignored, null changes nothing.
 * Throws where the official server's decoder does: invalid JSON, or a known key with a value of another type.
 */
export function readConnect(json: string, known: ConnectOptions): ConnectOptions {
  const value: unknown = JSON.parse(Buffer.from(json, 'latin1').toString('utf8'));
  if (value === null) return { ...known };
  if (typeof value !== 'object' || Array.isArray(value)) throw new Error('CONNECT is not an object');
  const result: ConnectOptions = { ...known };
  const fields = result as unknown as Record<string, unknown>;
  for (const [name, field] of Object.entries(value)) {
    const key = KEY_BY_NAME.get(name.toLowerCase());
    if (key === undefined || field === null) continue;
    if (typeof field !== typeof fields[key]) throw new Error(`wrong type for ${key}`);
    if (key === 'protocol' && !Number.isInteger(field)) throw new Error('wrong type for protocol');
    fields[key] = field;
  }
  return result;
}
