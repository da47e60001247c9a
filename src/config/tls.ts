/** Reads a `tls` block and looks at the files it names. The first mistake ends the block, as officially. */
import { secondsOrDuration } from './authorization.js';
import { DurationError, goQuote, goType, goValue, parseGoDuration } from './go-format.js';
import { asksForNothing, findKey, keyName } from './keys.js';
import { asArray, asMap, asString, Rejected, unsupportedText } from './problems.js';
import type { Reading } from './reading.js';
import type { ConfigValue } from './syntax.js';
import { checkTlsFiles, TlsFilesError } from './tls-files.js';
import { cipherSuites, curves } from './tls-names.js';
import { defaultTlsOptions, type TlsOptions } from './tls-options.js';

const tlsError = 'error parsing tls config,';
const pinnedCertsForm = 'hex-encoded sha256 of DER encoded SubjectPublicKeyInfo';
/** Milliseconds that `handshake_first: auto` waits. */
const autoFallback = 50;

/** The block of the client port. Throws `Rejected`. */
export function readClientTls(value: ConfigValue, { options, readFile }: Reading): void {
  const tls = readTls(value);
  if (readFile !== undefined) {
    try {
      tls.filesDigest = checkTlsFiles(tls, readFile);
    } catch (error) {
      if (error instanceof TlsFilesError) throw new Rejected(value, error.message);
      throw error;
    }
  }
  options.tls = tls;
}

function readTls(value: ConfigValue): TlsOptions {
  const tls = defaultTlsOptions();
  for (const [name, item] of asMap(value)) {
    const spec = findKey('tls', name);
    if (spec === undefined) throw new Rejected(item, `${tlsError} unknown field ${goQuote(name)}`);
    if (spec.capability !== 'core') {
      if (asksForNothing(spec, item.value)) continue;
      throw new Rejected(item, unsupportedText(name));
    }
    tlsReaders[keyName(spec)]!(item, tls, name);
  }
  if (tls.certs.length > 0 && tls.certFile) {
    throw new Rejected(value, `${tlsError} cannot combine 'cert_file' option with 'certs' option`);
  }
  const insecure = tls.cipherSuites.filter((name) => cipherSuites[name]);
  if (insecure.length > 0 && !tls.allowInsecureCipherSuites) {
    const names = insecure.join(', ');
    throw new Rejected(
      value,
      `insecure cipher suites configured without 'allow_insecure_cipher_suites' option set: ${names}`,
    );
  }
  return tls;
}

type TlsReader = (value: ConfigValue, tls: TlsOptions, name: string) => void;

const tlsReaders: Readonly<Record<string, TlsReader>> = {
  cert_file(value, tls) {
    tls.certFile = fileName(value, 'cert_file');
  },
  key_file(value, tls) {
    tls.keyFile = fileName(value, 'key_file');
  },
  ca_file(value, tls) {
    tls.caFile = fileName(value, 'ca_file');
  },
  insecure(value, tls) {
    tls.insecure = flag(value, 'insecure');
  },
  verify(value, tls) {
    tls.verify = flag(value, 'verify');
  },
  verify_and_map(value, tls) {
    tls.verifyAndMap = flag(value, 'verify_and_map');
    if (tls.verifyAndMap) tls.verify = true;
  },
  verify_cert_and_check_known_urls(value) {
    if (flag(value, 'verify_cert_and_check_known_urls')) {
      throw new Rejected(value, 'verify_cert_and_check_known_urls not supported in this context');
    }
  },
  allow_insecure_cipher_suites(value, tls) {
    tls.allowInsecureCipherSuites = flag(value, 'allow_insecure_cipher_suites');
  },
  cipher_suites(value, tls) {
    tls.cipherSuites = names(value, 'cipher_suites', (name) =>
      Object.hasOwn(cipherSuites, name) ? undefined : `unrecognized cipher ${name}`,
    );
  },
  curve_preferences(value, tls) {
    tls.curvePreferences = names(value, 'curve_preferences', (name) =>
      curves.includes(name) ? undefined : `unrecognized curve preference ${name}`,
    );
  },
  timeout(value, tls) {
    tls.timeout = secondsOrDuration(value, 'error parsing tls config') || defaultTlsOptions().timeout;
  },
  connection_rate_limit(value, tls) {
    if (typeof value.value !== 'bigint') {
      throw new Rejected(value, `${tlsError} 'connection_rate_limit' wrong type`);
    }
    tls.connectionRateLimit = Number(value.value);
  },
  pinned_certs: readPinnedCerts,
  handshake_first: readHandshakeFirst,
  certs(value, tls) {
    if (!Array.isArray(value.value)) {
      // The official text names the type of the block around it.
      const got = goType(new Map());
      throw new Rejected(value, `error parsing certificates config: unsupported type ${got}`);
    }
    tls.certs = value.value.map(readPair);
  },
  min_version: readMinVersion,
};

function fileName(value: ConfigValue, key: string): string | undefined {
  if (typeof value.value !== 'string') {
    throw new Rejected(value, `${tlsError} expected '${key}' to be filename`);
  }
  return value.value || undefined;
}

function flag(value: ConfigValue, key: string): boolean {
  if (typeof value.value !== 'boolean') {
    throw new Rejected(value, `${tlsError} expected '${key}' to be a boolean`);
  }
  return value.value;
}

function names(value: ConfigValue, key: string, wrong: (name: string) => string | undefined): string[] {
  const items = asArray(value);
  if (items.length === 0) throw new Rejected(value, `${tlsError} '${key}' cannot be empty`);
  return items.map((item) => {
    const name = asString(item);
    const reason = wrong(name);
    if (reason !== undefined) throw new Rejected(item, reason);
    return name;
  });
}

function readPinnedCerts(value: ConfigValue, tls: TlsOptions): void {
  if (!Array.isArray(value.value)) {
    throw new Rejected(value, `${tlsError} expected 'pinned_certs' to be a list of ${pinnedCertsForm}`);
  }
  const pins = value.value.map((item) => {
    const pin = asString(item).toLowerCase();
    if (!/^[a-f0-9]{64}$/.test(pin)) {
      throw new Rejected(item, `${tlsError} 'pinned_certs' key ${pin} does not look like ${pinnedCertsForm}`);
    }
    return pin;
  });
  tls.pinnedCerts = [...new Set(pins)];
}

function readHandshakeFirst(value: ConfigValue, tls: TlsOptions, name: string): void {
  const { value: written } = value;
  if (typeof written === 'boolean') {
    tls.handshakeFirst = written;
    return;
  }
  if (typeof written !== 'string') {
    const got = goType(written);
    throw new Rejected(value, `field ${goQuote(name)} should be a boolean or a string, got ${got}`);
  }
  const word = written.toLowerCase();
  tls.handshakeFirst = word !== 'false' && word !== 'off';
  if (['true', 'on', 'false', 'off'].includes(word)) return;
  if (word === 'auto' || word === 'auto_fallback') {
    tls.handshakeFirstFallback = autoFallback;
    return;
  }
  try {
    tls.handshakeFirstFallback = parseGoDuration(written);
  } catch (error) {
    if (!(error instanceof DurationError)) throw error;
    throw new Rejected(value, `field ${goQuote(name)}'s value ${goQuote(written)} is invalid`);
  }
}

function readPair(entry: ConfigValue): { certFile: string; keyFile: string } {
  const wrongType = (value: ConfigValue) =>
    new Rejected(value, `error parsing certificates config: unsupported type ${goType(value.value)}`);
  if (!(entry.value instanceof Map)) throw wrongType(entry);
  const pair = { certFile: '', keyFile: '' };
  for (const [name, item] of entry.value) {
    if (typeof item.value !== 'string') throw wrongType(item);
    // Unlike everywhere else, these two keys are only known in lower case.
    if (name === 'cert_file') pair.certFile = item.value;
    else if (name === 'key_file') pair.keyFile = item.value;
    else throw new Rejected(item, `error parsing tls certs config, unknown field ${goQuote(name)}`);
  }
  if (pair.certFile === '' || pair.keyFile === '') {
    const last = [...entry.value.values()].at(-1) ?? entry;
    throw new Rejected(
      last,
      "error parsing certificates config: both 'cert_file' and 'cert_key' options are required",
    );
  }
  return pair;
}

function readMinVersion(value: ConfigValue, tls: TlsOptions): void {
  const { value: version } = value;
  const reject = (reason: string) => new Rejected(value, `error parsing tls config: ${reason}`);
  if (typeof version !== 'string') throw reject(`'min_version' wrong type: ${goValue(version)}`);
  if (version === '1.0' || version === '1.1') throw reject(`unsupported TLS version: TLS ${version}`);
  if (version !== '1.2' && version !== '1.3') throw reject(`unknown version: ${version}`);
  tls.minVersion = version;
}
