/**
 * The record that tells a client why its certificate is refused (RFC 8446, sections 5.2, 6 and 7.3; RFC 5246, section 7.2).
 *
 * Node checks certificates when OpenSSL has finished the handshake, and has no way to send an alert then. Nothing that OpenSSL wrote
 * at that end has left the process yet, so the alert is what the client expects next: with TLS 1.3 the first record under the
 * server's traffic secret, with TLS 1.2 one before the server has changed to encryption.
 */
import { createCipheriv, createHmac } from 'node:crypto';

const FATAL = 2;
const RECORD_ALERT = 21;
const RECORD_APPLICATION_DATA = 23;
const TAG = 16;

/** What the cipher suites of TLS 1.3 mean for a record. */
const SUITES: Readonly<Record<string, { cipher: string; hash: string; key: number }>> = {
  TLS_AES_128_GCM_SHA256: { cipher: 'aes-128-gcm', hash: 'sha256', key: 16 },
  TLS_AES_256_GCM_SHA384: { cipher: 'aes-256-gcm', hash: 'sha384', key: 32 },
  TLS_CHACHA20_POLY1305_SHA256: { cipher: 'chacha20-poly1305', hash: 'sha256', key: 32 },
};

/** The secret in a line of a key log (as in SSLKEYLOGFILE) that is the server's for data; null in any other line. */
export function serverTrafficSecret(line: Buffer): Buffer | null {
  const secret = /^SERVER_TRAFFIC_SECRET_0 \w+ (\w+)/.exec(line.toString('latin1'))?.[1];
  return secret === undefined ? null : Buffer.from(secret, 'hex');
}

/** As Node names the version of TLS and the cipher suite (by its standard name); null where there is no way to say it. */
export function alertRecord(
  alert: number,
  version: string | null,
  suiteName: string,
  secret: Buffer | null,
): Buffer | null {
  if (version === 'TLSv1.2') return Buffer.concat([header(RECORD_ALERT, 2), Buffer.from([FATAL, alert])]);
  const suite = SUITES[suiteName];
  if (version !== 'TLSv1.3' || suite === undefined || secret === null) return null;
  const content = Buffer.from([FATAL, alert, RECORD_ALERT]);
  const head = header(RECORD_APPLICATION_DATA, content.length + TAG);
  const key = expand(suite.hash, secret, 'key', suite.key);
  // The number of the record, with which this is combined, is 0.
  const nonce = expand(suite.hash, secret, 'iv', 12);
  const cipher = createCipheriv(suite.cipher as 'aes-128-gcm', key, nonce, { authTagLength: TAG });
  cipher.setAAD(head);
  return Buffer.concat([head, cipher.update(content), cipher.final(), cipher.getAuthTag()]);
}

function header(type: number, length: number): Buffer {
  return Buffer.from([type, 3, 3, 0, length]);
}

/** HKDF-Expand-Label without a context, for at most the length of a hash. */
function expand(hash: string, secret: Buffer, label: string, length: number): Buffer {
  const name = Buffer.from(`tls13 ${label}`);
  const info = Buffer.concat([Buffer.from([0, length, name.length]), name, Buffer.from([0, 1])]);
  return createHmac(hash, secret).update(info).digest().subarray(0, length);
}
