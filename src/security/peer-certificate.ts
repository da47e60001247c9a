/**
 * What a peer's certificate says about who it is: the names that `verify_and_map` tries, and what monitoring shows.
 */
import { createHash } from 'node:crypto';
import { type DerElement, readElement, readElements, readOid, readTime, TAG } from './der.js';
import {
  canonicalName,
  DistinguishedName,
  domainComponents,
  fullName,
  type NameSequence,
  readName,
} from './distinguished-name.js';

const SUBJECT_ALT_NAME = '2.5.29.17';
/** Context tags of GeneralName (RFC 5280, 4.2.1.6). */
const GENERAL_NAME = { email: 0x81, dns: 0x82, uri: 0x86 } as const;

export interface PeerCertificate {
  readonly emails: readonly string[];
  readonly dnsNames: readonly string[];
  readonly uris: readonly string[];
  readonly subject: NameSequence;
  readonly notAfter: Date;
  /** Lower-case hex SHA-256 of the SubjectPublicKeyInfo, as `pinned_certs` lists it. */
  readonly spkiSha256: string;
  /** Lower-case hex SHA-256 of the whole certificate. */
  readonly certSha256: string;
}

/** A certificate in the `tls_peer_certs` of a connection in `/connz`. */
export interface PeerCertificateInfo {
  subject: string;
  spki_sha256: string;
  cert_sha256: string;
}

/** A name of the certificate under which the user is looked for. */
export type CertificateUserName =
  | { kind: 'name'; from: 'email' | 'dns' | 'uri' | 'subject'; name: string }
  | { kind: 'distinguished-name'; name: DistinguishedName };

/** Reads a DER certificate (`TLSSocket.getPeerCertificate().raw`). Throws when it is not one. */
export function readPeerCertificate(raw: Buffer): PeerCertificate {
  const certificate = readElements(readElement(raw).value);
  const body = readElements(certificate[0]!.value);
  // version [0] is optional; then serial, algorithm, issuer, validity, subject, key, and extensions in [3].
  const at = body[0]!.tag === 0xa0 ? 1 : 0;
  const [validity, subject, key] = [body[at + 3], body[at + 4], body[at + 5]];
  if (validity === undefined || subject === undefined || key === undefined) {
    throw new Error('x509: malformed certificate');
  }
  return {
    ...subjectAltNames(body.find(({ tag }) => tag === 0xa3)),
    subject: readName(subject),
    notAfter: readTime(readElements(validity.value)[1]!),
    spkiSha256: sha256(key.raw),
    certSha256: sha256(raw),
  };
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function subjectAltNames(extensions: DerElement | undefined) {
  const names = { emails: [] as string[], dnsNames: [] as string[], uris: [] as string[] };
  if (extensions === undefined) return names;
  for (const extension of readElements(readElement(extensions.value).value)) {
    const parts = readElements(extension.value);
    if (readOid(parts[0]!.value) !== SUBJECT_ALT_NAME) continue;
    const octets = parts.find(({ tag }) => tag === TAG.octetString)!;
    for (const { tag, value } of readElements(readElement(octets.value).value)) {
      if (tag === GENERAL_NAME.email) names.emails.push(value.toString('latin1'));
      else if (tag === GENERAL_NAME.dns) names.dnsNames.push(value.toString('latin1'));
      else if (tag === GENERAL_NAME.uri) names.uris.push(value.toString('latin1'));
    }
  }
  return names;
}

/**
 * The names in the order in which `verify_and_map` tries them: email, DNS and URI alternative names, the subject as a
 * comparable name, the subject's text with its domain components, the subject's text alone.
 */
export function certificateUserNames(peer: PeerCertificate): CertificateUserName[] {
  const names: CertificateUserName[] = [];
  for (const name of peer.emails) names.push({ kind: 'name', from: 'email', name });
  for (const name of peer.dnsNames) names.push({ kind: 'name', from: 'dns', name });
  for (const name of peer.uris) names.push({ kind: 'name', from: 'uri', name });
  const comparable = DistinguishedName.fromSequence(peer.subject);
  if (comparable !== null) names.push({ kind: 'distinguished-name', name: comparable });
  const text = canonicalName(peer.subject);
  const domain = domainComponents(peer.subject);
  if (domain !== '') names.push({ kind: 'name', from: 'subject', name: `${text},${domain}` });
  if (text !== '') names.push({ kind: 'name', from: 'subject', name: text });
  return names;
}

export function peerCertificateInfo(peer: PeerCertificate): PeerCertificateInfo {
  return {
    subject: fullName(peer.subject),
    spki_sha256: peer.spkiSha256,
    cert_sha256: peer.certSha256,
  };
}

/** Whether the peer's key is among the pinned ones. Without pins every peer passes, also one without a certificate. */
export function matchesPinnedCert(
  tls: { pinnedCerts: ReadonlySet<string> },
  peer: PeerCertificate | null,
): boolean {
  return tls.pinnedCerts.size === 0 || (peer !== null && tls.pinnedCerts.has(peer.spkiSha256));
}
