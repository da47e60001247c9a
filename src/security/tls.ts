/**
 * From a `tls {}` block to what Node's TLS needs: certificates read and checked, Go's names translated.
 *
 * Errors carry the texts of the official server (Go's crypto/tls) where there is one.
 */
import { constants, createPrivateKey, createPublicKey, type KeyObject, X509Certificate } from 'node:crypto';
import {
  createSecureContext,
  getCiphers,
  type TlsOptions as NodeTlsOptions,
  type SecureContext,
  type SecureContextOptions,
} from 'node:tls';
import type { TlsOptions } from '../config/tls-options.js';
import { CIPHER_SUITES, type CipherSuite, CURVES } from './cipher-suites.js';

export { matchesPinnedCert } from './peer-certificate.js';

export interface LoadedCertificate {
  /** PEM of the certificate and its chain, and of the key. */
  cert: string;
  key: string;
  leaf: X509Certificate;
  notAfter: Date;
}

export interface LoadedTls {
  certificates: readonly LoadedCertificate[];
  /** For `tls.createSecureContext` and `tls.connect`; the first certificate of each key type. */
  context: SecureContextOptions;
  /** For `tls.createServer`: the context, how to choose a certificate by server name, what to ask of clients. */
  server: NodeTlsOptions;
  /** The user is the one the certificate names. */
  verifyAndMap: boolean;
  /** Lower-case hex SHA-256 of the keys that peers may have; empty allows every key. */
  pinnedCerts: ReadonlySet<string>;
  /** When the first certificate to expire does; null without certificates. */
  notAfter: Date | null;
}

/** Reads a file as text; throws what `fs.readFileSync` throws. */
export type ReadFile = (path: string) => string;

/** Throws when a file cannot be read or used, or an option asks for what this OpenSSL cannot do. */
export function loadTls(options: TlsOptions, readFile: ReadFile): LoadedTls {
  const certificates = loadCertificates(options, readFile);
  const context: SecureContextOptions = {
    ...firstOfEachKeyType(certificates),
    ciphers: cipherList(options),
    ecdhCurve: curveList(options),
    minVersion: options.minVersion === '1.3' ? 'TLSv1.3' : 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    honorCipherOrder: true,
  };
  if (options.caFile) context.ca = loadCa(options.caFile, readFile);
  const verify = options.verify || options.verifyAndMap || options.verifyCertAndCheckKnownUrls;
  // A session that is resumed brings the certificate along that was valid when it began: OpenSSL does not look at it again, so a
  // client whose certificate has expired since would come in.
  if (verify) context.secureOptions = constants.SSL_OP_NO_TICKET;
  return {
    certificates,
    context,
    server: {
      ...context,
      requestCert: verify,
      rejectUnauthorized: verify,
      ...(certificates.length > 1 && { SNICallback: certificateChooser(certificates, context) }),
    },
    verifyAndMap: options.verifyAndMap,
    pinnedCerts: new Set(options.pinnedCerts.map((hash) => hash.toLowerCase())),
    notAfter: certificates.map(({ notAfter }) => notAfter).sort((a, b) => +a - +b)[0] ?? null,
  };
}

function loadCertificates(options: TlsOptions, readFile: ReadFile): LoadedCertificate[] {
  const { certFile, keyFile, certs } = options;
  if (certFile && !keyFile) throw new Error("missing 'key_file' in TLS configuration");
  if (!certFile && keyFile) throw new Error("missing 'cert_file' in TLS configuration");
  if (certFile && keyFile) {
    return [loadPair(certFile, keyFile, 'error parsing X509 certificate/key pair', readFile)];
  }
  return certs.map((pair, i) =>
    loadPair(
      pair.certFile,
      pair.keyFile,
      `error parsing X509 certificate/key pair ${i + 1}/${certs.length}`,
      readFile,
    ),
  );
}

function loadPair(certFile: string, keyFile: string, prefix: string, readFile: ReadFile): LoadedCertificate {
  try {
    const cert = readText(certFile, readFile);
    const key = readText(keyFile, readFile);
    const { certificates, keyPem } = checkPem(cert, key);
    const leaf = parseCertificate(certificates[0]!);
    checkKeyMatches(leaf, parseKey(keyPem));
    return { cert: certificates.join('\n'), key: keyPem, leaf, notAfter: new Date(leaf.validTo) };
  } catch (error) {
    throw new Error(`${prefix}: ${(error as Error).message}`, { cause: error });
  }
}

/** Reads a file, with Go's words when that fails. */
function readText(path: string, readFile: ReadFile): string {
  try {
    return readFile(path);
  } catch (error) {
    const reasons: Record<string, string> = {
      ENOENT: `open ${path}: no such file or directory`,
      EACCES: `open ${path}: permission denied`,
      ENOTDIR: `open ${path}: not a directory`,
      EISDIR: `read ${path}: is a directory`,
    };
    throw new Error(reasons[(error as NodeJS.ErrnoException).code ?? ''] ?? (error as Error).message, {
      cause: error,
    });
  }
}

interface PemBlock {
  type: string;
  text: string;
}

function pemBlocks(text: string): PemBlock[] {
  const blocks = text.matchAll(/-----BEGIN ([^\n]+?)-----\s[\s\S]*?-----END \1-----/g);
  return Array.from(blocks, ([whole, type]) => ({ type: type!, text: whole }));
}

function checkPem(cert: string, key: string): { certificates: string[]; keyPem: string } {
  const inCert = pemBlocks(cert);
  const certificates = inCert.filter(({ type }) => type === 'CERTIFICATE').map(({ text }) => text);
  if (certificates.length === 0) {
    if (inCert.length === 0) throw new Error('tls: failed to find any PEM data in certificate input');
    if (inCert.length === 1 && inCert[0]!.type.endsWith('PRIVATE KEY')) {
      throw new Error(
        'tls: failed to find certificate PEM data in certificate input, but did find a private key; ' +
          'PEM inputs may have been switched',
      );
    }
    throw new Error(
      `tls: failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM blocks ` +
        `of the following types: [${inCert.map(({ type }) => type).join(' ')}]`,
    );
  }
  const inKey = pemBlocks(key);
  const keyBlock = inKey.find(({ type }) => type === 'PRIVATE KEY' || type.endsWith(' PRIVATE KEY'));
  if (keyBlock !== undefined) return { certificates, keyPem: keyBlock.text };
  if (inKey.length === 0) throw new Error('tls: failed to find any PEM data in key input');
  if (inKey.length === 1 && inKey[0]!.type === 'CERTIFICATE') {
    throw new Error('tls: found a certificate rather than a key in the PEM for the private key');
  }
  throw new Error(
    `tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input after skipping PEM blocks ` +
      `of the following types: [${inKey.map(({ type }) => type).join(' ')}]`,
  );
}

function parseCertificate(pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw new Error('x509: malformed certificate', { cause: error });
  }
}

function parseKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw new Error('tls: failed to parse private key', { cause: error });
  }
}

function checkKeyMatches(leaf: X509Certificate, key: KeyObject): void {
  if (leaf.publicKey.asymmetricKeyType !== key.asymmetricKeyType) {
    throw new Error('tls: private key type does not match public key type');
  }
  if (!leaf.publicKey.equals(createPublicKey(key))) {
    throw new Error('tls: private key does not match public key');
  }
}

function loadCa(path: string, readFile: ReadFile): string[] {
  const certificates = pemBlocks(readText(path, readFile)).filter(({ type, text }) => {
    if (type !== 'CERTIFICATE') return false;
    try {
      return new X509Certificate(text) !== null;
    } catch {
      return false;
    }
  });
  if (certificates.length === 0) throw new Error('failed to parse root ca certificate');
  return certificates.map(({ text }) => text);
}

/** OpenSSL holds one certificate per key type in a context and picks the one that the client can verify. */
function firstOfEachKeyType(
  certificates: readonly LoadedCertificate[],
): Pick<SecureContextOptions, 'cert' | 'key'> {
  const chosen = new Map<string | undefined, LoadedCertificate>();
  for (const certificate of certificates) {
    const type = certificate.leaf.publicKey.asymmetricKeyType;
    if (!chosen.has(type)) chosen.set(type, certificate);
  }
  if (chosen.size === 0) return {};
  const pairs = [...chosen.values()];
  return { cert: pairs.map(({ cert }) => cert), key: pairs.map(({ key }) => key) };
}

type SniCallback = NonNullable<NodeTlsOptions['SNICallback']>;

/** Picks the certificates made out for the server name; all of them when none is. */
function certificateChooser(
  certificates: readonly LoadedCertificate[],
  base: SecureContextOptions,
): SniCallback {
  // Keyed by the certificates that fit, not by the name, so that clients cannot fill it.
  const contexts = new Map<string, SecureContext>();
  return (serverName, done) => {
    let fitting = certificates.filter(({ leaf }) => leaf.checkHost(serverName) !== undefined);
    if (fitting.length === 0) fitting = [...certificates];
    const key = fitting.map((certificate) => certificates.indexOf(certificate)).join();
    let context = contexts.get(key);
    if (context === undefined) {
      context = createSecureContext({ ...base, ...firstOfEachKeyType(fitting) });
      contexts.set(key, context);
    }
    done(null, context);
  };
}

function cipherList(options: TlsOptions): string {
  let chosen: readonly CipherSuite[] = CIPHER_SUITES.filter(({ insecure }) => !insecure);
  if (options.cipherSuites.length > 0) {
    const configured = options.cipherSuites.map(findSuite);
    const insecure = configured.filter((suite) => suite.insecure).map(({ name }) => name);
    if (insecure.length > 0 && !options.allowInsecureCipherSuites) {
      throw new Error(
        `insecure cipher suites configured without 'allow_insecure_cipher_suites' option set: ${insecure.join(', ')}`,
      );
    }
    const available = new Set(getCiphers());
    for (const { name, openssl } of configured) {
      if (available.has(openssl.toLowerCase())) continue;
      throw new Error(`cipher suite ${name} is not available in OpenSSL ${process.versions.openssl}`);
    }
    // As in Go, the suites of TLS 1.3 cannot be configured: all three are always on.
    chosen = CIPHER_SUITES.filter((suite) => suite.tls13 || configured.includes(suite));
  }
  return chosen.map(({ openssl }) => openssl).join(':');
}

function findSuite(name: string): CipherSuite {
  const suite = CIPHER_SUITES.find((candidate) => candidate.name === name);
  if (suite === undefined) throw new Error(`unrecognized cipher ${name}`);
  return suite;
}

function curveList(options: TlsOptions): string {
  if (options.curvePreferences.length === 0) {
    return CURVES.filter(({ openssl }) => curveAvailable(openssl))
      .map(({ openssl }) => openssl)
      .join(':');
  }
  const groups = options.curvePreferences.map((name) => {
    const curve = CURVES.find((candidate) => candidate.name === name);
    if (curve === undefined) throw new Error(`unrecognized curve preference ${name}`);
    if (!curveAvailable(curve.openssl)) {
      throw new Error(`curve preference ${name} is not available in OpenSSL ${process.versions.openssl}`);
    }
    return curve.openssl;
  });
  return groups.join(':');
}

function curveAvailable(group: string): boolean {
  try {
    createSecureContext({ ecdhCurve: group });
    return true;
  } catch {
    return false;
  }
}
