/**
 * Looks at the files a `tls` block names, so that `-t` and a reload find out about wrong ones. Nothing is kept but a
 * digest that tells whether they changed.
 */
import { createHash, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { type ConfigSources, fileErrorText } from './syntax.js';
import type { TlsOptions } from './tls-options.js';

/** The message is the official text. */
export class TlsFilesError extends Error {
  override readonly name = 'TlsFilesError';
}

type ReadFile = ConfigSources['readFile'];

/** The digest of the files' contents. Throws `TlsFilesError`. */
export function checkTlsFiles(tls: TlsOptions, readFile: ReadFile): string {
  const { certFile, keyFile, caFile, certs } = tls;
  const digest = createHash('sha256');
  if (certFile && !keyFile) throw new TlsFilesError("missing 'key_file' in TLS configuration");
  if (!certFile && keyFile) throw new TlsFilesError("missing 'cert_file' in TLS configuration");
  if (certFile && keyFile) {
    checkPair(certFile, keyFile, '', readFile, digest);
  } else {
    for (const [index, pair] of certs.entries()) {
      checkPair(pair.certFile, pair.keyFile, ` ${index + 1}/${certs.length}`, readFile, digest);
    }
  }
  if (caFile) {
    const text = read(caFile, readFile);
    digest.update(text);
    if (!certificates(text).some(parses)) throw new TlsFilesError('failed to parse root ca certificate');
  }
  return digest.digest('hex');
}

function checkPair(
  certFile: string,
  keyFile: string,
  which: string,
  readFile: ReadFile,
  digest: { update(text: string): unknown },
): void {
  try {
    const certText = read(certFile, readFile);
    const keyText = read(keyFile, readFile);
    digest.update(certText);
    digest.update(keyText);
    const certificate = firstCertificate(certText);
    const key = privateKey(keyText);
    if (!certificate.checkPrivateKey(key)) {
      throw new TlsFilesError('tls: private key does not match public key');
    }
  } catch (error) {
    if (!(error instanceof TlsFilesError)) throw error;
    throw new TlsFilesError(`error parsing X509 certificate/key pair${which}: ${error.message}`);
  }
}

function read(path: string, readFile: ReadFile): string {
  let content: string | Uint8Array;
  try {
    content = readFile(path);
  } catch (error) {
    throw new TlsFilesError(fileErrorText(path, error));
  }
  return typeof content === 'string' ? content : Buffer.from(content).toString('latin1');
}

const pemBlock = /-----BEGIN ([^-\n]+)-----[\s\S]*?-----END \1-----/g;

function blocks(text: string): { type: string; pem: string }[] {
  return [...text.matchAll(pemBlock)].map(([pem, type]) => ({ type: type!, pem }));
}

function certificates(text: string): string[] {
  return blocks(text)
    .filter(({ type }) => type === 'CERTIFICATE')
    .map(({ pem }) => pem);
}

function parses(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}

function firstCertificate(text: string): X509Certificate {
  const found = blocks(text);
  const certificate = found.find(({ type }) => type === 'CERTIFICATE');
  if (certificate === undefined) {
    if (found.length === 0) {
      throw new TlsFilesError('tls: failed to find any PEM data in certificate input');
    }
    const types = found.map(({ type }) => type);
    if (types.length === 1 && types[0]!.endsWith('PRIVATE KEY')) {
      throw new TlsFilesError(
        'tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may ' +
          'have been switched',
      );
    }
    throw new TlsFilesError(
      'tls: failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM blocks of the following ' +
        `types: [${types.join(' ')}]`,
    );
  }
  try {
    return new X509Certificate(certificate.pem);
  } catch (error) {
    throw new TlsFilesError(`x509: malformed certificate (${reason(error)})`);
  }
}

function privateKey(text: string): KeyObject {
  const found = blocks(text);
  const key = found.find(({ type }) => type === 'PRIVATE KEY' || type.endsWith(' PRIVATE KEY'));
  if (key === undefined) {
    if (found.length === 0) throw new TlsFilesError('tls: failed to find any PEM data in key input');
    const types = found.map(({ type }) => type);
    if (types.length === 1 && types[0] === 'CERTIFICATE') {
      throw new TlsFilesError('tls: found a certificate rather than a key in the PEM for the private key');
    }
    throw new TlsFilesError(
      'tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input after skipping PEM blocks of the ' +
        `following types: [${types.join(' ')}]`,
    );
  }
  try {
    return createPrivateKey(key.pem);
  } catch (error) {
    throw new TlsFilesError(`tls: failed to parse private key (${reason(error)})`);
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
