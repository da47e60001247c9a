/**
 * The texts that clients get in `-ERR`, and the reasons that `/connz` gives for closed connections (client protocol,
 * section 6). They are part of the protocol: client libraries compare them.
 */
import { fromUtf8 } from './bytes.js';

export const clientErrors = {
  unknownOperation: 'Unknown Protocol Operation',
  controlLineExceeded: 'maximum control line exceeded',
  payloadExceeded: 'Maximum Payload Violation',
  authorization: 'Authorization Violation',
  authTimeout: 'Authentication Timeout',
  userExpired: 'User Authentication Expired',
  userRevoked: 'User Authentication Revoked',
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
  const text = Buffer.from(latin1, 'latin1').toString('utf8');
  let out = '"';
  let offset = 0;
  for (const char of text) {
    const code = char.codePointAt(0)!;
    if (code === 0xfffd && latin1.slice(offset, offset + 3) !== '\xef\xbf\xbd') {
      out += `\\x${latin1.charCodeAt(offset).toString(16).padStart(2, '0')}`;
      offset++;
      continue;
    }
    out += quoteChar(char, code);
    offset += Buffer.byteLength(char);
  }
  return fromUtf8(`${out}"`);
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

function quoteChar(char: string, code: number): string {
  const known = ESCAPES[char];
  if (known !== undefined) return known;
  if (/[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.test(char)) return char;
  if (code < 0x80) return `\\x${code.toString(16).padStart(2, '0')}`;
  if (code < 0x10000) return `\\u${code.toString(16).padStart(4, '0')}`;
  return `\\U${code.toString(16).padStart(8, '0')}`;
}
