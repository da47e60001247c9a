/**
 * The texts that clients get in `-ERR`, and the reasons that `/connz` gives for closed connections (client protocol,
 * section 6). They are part of the protocol: client libraries compare them. `quote` puts in quotes what such texts quote.
 */

export const clientErrors = {
  unknownOperation: 'Unknown Protocol Operation',
  controlLineExceeded: 'maximum control line exceeded',
  payloadExceeded: 'Maximum Payload Violation',
  authorization: 'Authorization Violation',
  authTimeout: 'Authentication Timeout',
  authExpired: 'User Authentication Expired',
  connectionsExceeded: 'maximum connections exceeded',
  accountConnectionsExceeded: 'maximum account active connections exceeded',
  throttled: 'Connection throttling is active. Please try again later.',
  clientProtocol: 'invalid client protocol',
  noRespondersNeedHeaders: 'no responders requires headers support',
  tlsRequired: 'Secure Connection - TLS Required',
  stale: 'Stale Connection',
  subscriptionsExceeded: 'maximum subscriptions exceeded',
  invalidSubject: 'Invalid Subject',
  invalidPublishSubject: 'Invalid Publish Subject',
} as const;

/** Why a connection ended. */
export type ClosedReason =
  | 'Client Closed'
  | 'Authentication Timeout'
  | 'Authentication Failure'
  | 'TLS Handshake Failure'
  | 'Slow Consumer (Pending Bytes)'
  | 'Slow Consumer (Write Deadline)'
  | 'Write Error'
  | 'Read Error'
  | 'Parse Error'
  | 'Stale Connection'
  | 'Protocol Violation'
  | 'Bad Client Protocol Version'
  | 'Maximum Account Connections Exceeded'
  | 'Maximum Connections Exceeded'
  | 'Maximum Message Payload Exceeded'
  | 'Maximum Control Line Exceeded'
  | 'Maximum Subscriptions Exceeded'
  | 'Server Shutdown'
  | 'Authentication Expired'
  | 'Credentials Revoked'
  | 'Internal Client'
  | 'No Responders Requires Headers'
  | 'Kicked'
  | 'Proxy Not Trusted'
  | 'Proxy Required';

/**
 * A latin1 string in quotes as Go's `%q` prints the bytes: escapes, and `\x..` for what is not valid UTF-8. The result is
 * latin1 again.
 */
export function quote(latin1: string): string {
  let out = '"';
  for (let at = 0; at < latin1.length; ) {
    const length = sequenceLength(latin1, at);
    const bytes = latin1.slice(at, at + Math.max(length, 1));
    out += length === 0 ? hexEscape(bytes.charCodeAt(0)) : quoteCharacter(bytes);
    at += bytes.length;
  }
  return `${out}"`;
}

/** Bytes of the UTF-8 sequence that begins at `at`; 0 when it is not valid (Unicode, table 3-7). */
function sequenceLength(bytes: string, at: number): number {
  const lead = bytes.charCodeAt(at);
  if (lead < 0x80) return 1;
  if (lead < 0xc2 || lead > 0xf4) return 0;
  const length = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  const lowest = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const highest = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  for (let i = 1; i < length; i++) {
    const byte = bytes.charCodeAt(at + i);
    const valid = i === 1 ? byte >= lowest && byte <= highest : byte >= 0x80 && byte <= 0xbf;
    // Beyond the end it is NaN, which is no valid byte either.
    if (!valid) return 0;
  }
  return length;
}

const ESCAPES: Record<string, string> = {
  '"': '\\"',
  '\\': '\\\\',
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
};

/** `bytes` is one valid UTF-8 sequence. */
function quoteCharacter(bytes: string): string {
  const known = ESCAPES[bytes];
  if (known !== undefined) return known;
  const char = bytes.length === 1 ? bytes : Buffer.from(bytes, 'latin1').toString('utf8');
  if (/[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(char)) return bytes;
  const code = char.codePointAt(0)!;
  if (code < 0x80) return hexEscape(code);
  if (code < 0x10000) return `\\u${code.toString(16).padStart(4, '0')}`;
  return `\\U${code.toString(16).padStart(8, '0')}`;
}

function hexEscape(code: number): string {
  return `\\x${code.toString(16).padStart(2, '0')}`;
}
