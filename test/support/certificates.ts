/**
 * Certificates for tests, issued on the spot: no files, no openssl.
 *
 * Most tests need no more than
 *
 *     const { ca, server, clients } = issueCertificates({ clients: { bob: { emails: ['bob@example.com'] } } });
 *
 * and write the PEM strings where the configuration under test expects files. Keys are EC P-256 unless asked otherwise: those
 * take a millisecond, RSA keys up to a second.
 */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIP } from 'node:net';
import { bits, boolean, element, integer, octets, oid, sequence, set, text, time } from './der.js';

/** One relative name: attribute types (short name or dotted OID) and their values. */
export type RelativeName = Record<string, string>;

export interface CertificateRequest {
  /** Relative names, most significant first, such as `[{ C: 'DE' }, { O: 'Weft' }, { CN: 'bob' }]`; or just the CN. */
  subject?: RelativeName[] | string;
  keyType?: 'ec' | 'rsa' | 'ed25519';
  dnsNames?: string[];
  ipAddresses?: string[];
  emails?: string[];
  uris?: string[];
  /** Extended key usage; both when absent. */
  usage?: 'server' | 'client' | 'both';
  /** A day ago when absent. */
  notBefore?: Date;
  /** In ten years when absent. */
  notAfter?: Date;
}

export interface IssuedCertificate {
  /** PEM. */
  cert: string;
  /** PEM, PKCS #8. */
  key: string;
  /** The certificate in DER. */
  der: Buffer;
}

const DAY = 86_400_000;

const ATTRIBUTE_OIDS: Readonly<Record<string, string>> = {
  CN: '2.5.4.3',
  SERIALNUMBER: '2.5.4.5',
  C: '2.5.4.6',
  L: '2.5.4.7',
  ST: '2.5.4.8',
  STREET: '2.5.4.9',
  O: '2.5.4.10',
  OU: '2.5.4.11',
  POSTALCODE: '2.5.4.17',
  DC: '0.9.2342.19200300.100.1.25',
  UID: '0.9.2342.19200300.100.1.1',
};

const USAGES = {
  server: ['1.3.6.1.5.5.7.3.1'],
  client: ['1.3.6.1.5.5.7.3.2'],
  both: ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'],
} as const;

function generateKeys(type: CertificateRequest['keyType'] = 'ec'): {
  privateKey: KeyObject;
  publicKey: KeyObject;
} {
  if (type === 'rsa') return generateKeyPairSync('rsa', { modulusLength: 2048 });
  if (type === 'ed25519') return generateKeyPairSync('ed25519');
  return generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
}

function signatureAlgorithm(key: KeyObject): Buffer {
  if (key.asymmetricKeyType === 'rsa') return sequence(oid('1.2.840.113549.1.1.11'), element(0x05));
  return sequence(oid(key.asymmetricKeyType === 'ed25519' ? '1.3.101.112' : '1.2.840.10045.4.3.2'));
}

/** The DER of a distinguished name. */
export function encodeName(subject: RelativeName[] | string): Buffer {
  const names = typeof subject === 'string' ? [{ CN: subject }] : subject;
  return sequence(
    ...names.map((name) =>
      set(
        ...Object.entries(name).map(([type, value]) =>
          sequence(oid(ATTRIBUTE_OIDS[type] ?? type), text(value)),
        ),
      ),
    ),
  );
}

function ipBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  if (address === '::1') return Buffer.from([...new Array<number>(15).fill(0), 1]);
  throw new Error(`no encoding for the address ${address}`);
}

function alternativeNames(request: CertificateRequest): Buffer | null {
  const latin1 = (value: string) => Buffer.from(value, 'latin1');
  const names = [
    ...(request.emails ?? []).map((name) => element(0x81, latin1(name))),
    ...(request.dnsNames ?? []).map((name) => element(0x82, latin1(name))),
    ...(request.uris ?? []).map((name) => element(0x86, latin1(name))),
    ...(request.ipAddresses ?? []).map((address) => element(0x87, ipBytes(address))),
  ];
  return names.length === 0 ? null : sequence(...names);
}

function extension(id: string, critical: boolean, value: Buffer): Buffer {
  return sequence(oid(id), ...(critical ? [boolean(true)] : []), octets(value));
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g)!;
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** An authority that signs certificates, itself signed by another one or by itself. */
export class CertificateAuthority {
  /** PEM of the authority's own certificate. */
  readonly cert: string;
  readonly der: Buffer;
  readonly #name: Buffer;
  readonly #key: KeyObject;
  readonly #keyId: Buffer;

  constructor(request: Pick<CertificateRequest, 'subject' | 'keyType' | 'notBefore' | 'notAfter'> = {}) {
    const { privateKey, publicKey } = generateKeys(request.keyType);
    this.#name = encodeName(request.subject ?? 'Weft test authority');
    this.#key = privateKey;
    this.#keyId = keyId(publicKey);
    this.der = this.#sign(this.#name, publicKey, request, [
      extension('2.5.29.19', true, sequence(boolean(true))),
      // keyCertSign and cRLSign.
      extension('2.5.29.15', true, element(0x03, Buffer.from([1, 0x06]))),
    ]);
    this.cert = pem('CERTIFICATE', this.der);
  }

  issue(request: CertificateRequest = {}): IssuedCertificate {
    const { privateKey, publicKey } = generateKeys(request.keyType);
    const names = alternativeNames(request);
    const der = this.#sign(encodeName(request.subject ?? []), publicKey, request, [
      // digitalSignature and keyEncipherment.
      extension('2.5.29.15', true, element(0x03, Buffer.from([5, 0xa0]))),
      extension('2.5.29.37', false, sequence(...USAGES[request.usage ?? 'both'].map((usage) => oid(usage)))),
      ...(names === null ? [] : [extension('2.5.29.17', false, names)]),
    ]);
    const key = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
    return { cert: pem('CERTIFICATE', der), key, der };
  }

  #sign(subject: Buffer, publicKey: KeyObject, request: CertificateRequest, extensions: Buffer[]): Buffer {
    const serial = randomBytes(8);
    serial[0]! |= 0x40;
    const algorithm = signatureAlgorithm(this.#key);
    const body = sequence(
      element(0xa0, integer(Buffer.from([2]))),
      integer(serial),
      algorithm,
      this.#name,
      sequence(
        time(request.notBefore ?? new Date(Date.now() - DAY)),
        time(request.notAfter ?? new Date(Date.now() + 3650 * DAY)),
      ),
      subject,
      publicKey.export({ format: 'der', type: 'spki' }),
      element(
        0xa3,
        sequence(
          ...extensions,
          extension('2.5.29.14', false, octets(keyId(publicKey))),
          extension('2.5.29.35', false, sequence(element(0x80, this.#keyId))),
        ),
      ),
    );
    const digest = this.#key.asymmetricKeyType === 'ed25519' ? null : 'sha256';
    return sequence(body, algorithm, bits(sign(digest, body, this.#key)));
  }
}

function keyId(publicKey: KeyObject): Buffer {
  return createHash('sha1')
    .update(publicKey.export({ format: 'der', type: 'spki' }))
    .digest();
}

export interface IssuedCertificates<Client extends string> {
  /** PEM of the authority, for `ca_file`. */
  ca: string;
  /** Signs more of the same. */
  authority: CertificateAuthority;
  server: IssuedCertificate;
  clients: Record<Client, IssuedCertificate>;
}

/**
 * An authority, a server certificate for `localhost`, `127.0.0.1` and `::1` (or as asked), and a client certificate per entry
 * of `clients`, whose CN is the entry's name unless it has a subject.
 */
export function issueCertificates<Client extends string = never>(
  requests: {
    authority?: ConstructorParameters<typeof CertificateAuthority>[0];
    server?: CertificateRequest;
    clients?: Record<Client, CertificateRequest>;
  } = {},
): IssuedCertificates<Client> {
  const authority = new CertificateAuthority(requests.authority);
  const server = authority.issue({
    subject: 'localhost',
    dnsNames: ['localhost'],
    ipAddresses: ['127.0.0.1', '::1'],
    usage: 'server',
    ...requests.server,
  });
  const clients = {} as Record<Client, IssuedCertificate>;
  for (const [name, request] of Object.entries(requests.clients ?? {}) as [Client, CertificateRequest][]) {
    clients[name] = authority.issue({ subject: name, usage: 'client', ...request });
  }
  return { ca: authority.cert, authority, server, clients };
}
