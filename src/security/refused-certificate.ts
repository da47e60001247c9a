/**
 * What the log says of a client's certificate that is not trusted: OpenSSL's reasons (X509_V_ERR_*, as Node names them) in the
 * words of Go's crypto/x509, with which the official server's log has them.
 */
import type { PeerCertificate } from 'node:tls';
import { peerCertificateInfo, readPeerCertificate } from './peer-certificate.js';

/** What Go says of all certificates whose chain does not end at a known authority. */
const UNKNOWN_AUTHORITY = 'certificate signed by unknown authority';

const REASONS: Readonly<Record<string, string>> = {
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_AUTHORITY,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  CERT_SIGNATURE_FAILURE: UNKNOWN_AUTHORITY,
  INVALID_PURPOSE: 'certificate specifies an incompatible key usage',
};

/** The number of the TLS alert with which Go's crypto/tls answers such a certificate; `code` as below. */
export function refusalAlert(code: string): number {
  if (REASONS[code] === UNKNOWN_AUTHORITY) return 48;
  return code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID' ? 45 : 42;
}

/** `code` is the `authorizationError` of the socket, `now` in milliseconds since 1970. */
export function refusedCertificate(code: string, certificate: PeerCertificate, now: number): string {
  const reason = REASONS[code] ?? outOfTime(code, certificate, now) ?? code;
  const { subject, cert_sha256 } = peerCertificateInfo(readPeerCertificate(certificate.raw));
  return `tls: failed to verify certificate: x509: ${reason} (${subject} SHA-256: ${cert_sha256})`;
}

/** Null where the reason is another one. */
function outOfTime(code: string, certificate: PeerCertificate, now: number): string | null {
  if (code !== 'CERT_HAS_EXPIRED' && code !== 'CERT_NOT_YET_VALID') return null;
  const text = 'certificate has expired or is not yet valid';
  const [from, to] = [Date.parse(certificate.valid_from), Date.parse(certificate.valid_to)];
  if (now < from) return `${text}: current time ${seconds(now)} is before ${seconds(from)}`;
  if (now > to) return `${text}: current time ${seconds(now)} is after ${seconds(to)}`;
  // Then it is that of one of its issuers.
  return text;
}

function seconds(time: number): string {
  return `${new Date(time).toISOString().slice(0, 19)}Z`;
}
