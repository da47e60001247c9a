/**
 * Reads the command line as Go's `flag` package does: one dash or two, `-f v` or `-f=v`, booleans only with `=`, the end
 * at the first word that is no flag. Printing and exiting are the caller's.
 */
import { type FlagSpec, flagTable } from './flag-table.js';
import { goQuote } from './go-format.js';
import type { ServerOptions } from './options.js';
import type { ConfigSources } from './syntax.js';
import { checkTlsFiles, TlsFilesError } from './tls-files.js';
import { defaultTlsOptions } from './tls-options.js';
import { tlsHelpText, usageText } from './usage.js';

export type FlagValue = boolean | number | string;

/** The flags that were given, by the first of their names in the table. On reload they keep winning over the file. */
export type ExplicitFlags = ReadonlyMap<string, FlagValue>;

export type FlagsResult =
  /** Start a server. */
  | { kind: 'run'; flags: ExplicitFlags; configFile: string }
  /** `-t`: look at the configuration file and exit. */
  | { kind: 'check'; flags: ExplicitFlags; configFile: string }
  /** Print `text` on standard output and exit with 0. */
  | { kind: 'help'; text: string }
  | { kind: 'version' }
  /** `target` is a process id, a pattern, or a file with an id; absent means "find the server". */
  | { kind: 'signal'; command: string; target: string | undefined }
  /** Print both texts and exit with the code. */
  | { kind: 'error'; stderr: string; stdout: string; exitCode: number };

const byName: ReadonlyMap<string, FlagSpec> = new Map(
  flagTable.flatMap((spec) => spec.names.map((name) => [name, spec] as const)),
);

/** `argv` is without the program; `exe` starts error texts. */
export function parseFlags(argv: readonly string[], exe = 'weft-server'): FlagsResult {
  const parsed = readFlags(argv);
  if (typeof parsed === 'string') {
    // Go prints the usage, and the official usage function exits with 0.
    return { kind: 'error', stderr: `${parsed}\n`, stdout: usageText, exitCode: 0 };
  }
  const { flags, rest } = parsed;
  const fatal = (text: string): FlagsResult => ({
    kind: 'error',
    stderr: `${exe}: ${text}\n`,
    stdout: '',
    exitCode: 1,
  });
  if (flags.get('version')) return { kind: 'version' };
  if (flags.get('help')) return { kind: 'help', text: usageText };
  if (flags.get('help_tls')) return { kind: 'help', text: tlsHelpText() };
  const word = rest[0];
  if (word?.toLowerCase() === 'version') return { kind: 'version' };
  if (word?.toLowerCase() === 'help') return { kind: 'help', text: usageText };
  if (word !== undefined) return fatal(`unrecognized command: ${goQuote(word)}`);
  const missing = [...flags].find(([name, value]) => byName.get(name)!.capability !== 'core' && value);
  if (missing !== undefined) {
    const flag = writtenAs(argv, byName.get(missing[0])!);
    return fatal(`flag ${flag} is not supported by this version of weft-server yet`);
  }
  const signal = flags.get('signal');
  if (typeof signal === 'string' && signal !== '') return readSignal(signal, fatal);
  const configFile = String(flags.get('config') ?? '');
  if (!flags.get('t')) return { kind: 'run', flags, configFile };
  if (configFile !== '') return { kind: 'check', flags, configFile };
  return fatal('must specify [-c, --config] option to check configuration file syntax');
}

function readSignal(signal: string, fatal: (text: string) => FlagsResult): FlagsResult {
  const [command, target, ...more] = signal.split('=');
  if (more.length > 0) return fatal(`invalid signal parameters: [${more.join(' ')}]`);
  return { kind: 'signal', command: command!, target: target || undefined };
}

/** How the command line spells a flag. */
function writtenAs(argv: readonly string[], spec: FlagSpec): string {
  const found = argv
    .map((arg) => arg.split('=')[0]!)
    .find((arg) => spec.names.includes(arg.replace(/^--?/, '')));
  return found ?? `--${spec.names[0]}`;
}

/** Flags and the words after them, or the error text. */
function readFlags(
  argv: readonly string[],
): { flags: Map<string, FlagValue>; rest: readonly string[] } | string {
  const flags = new Map<string, FlagValue>();
  for (let index = 0; index < argv.length; index++) {
    const arg = argv[index]!;
    if (arg.length < 2 || arg[0] !== '-') return { flags, rest: argv.slice(index) };
    if (arg === '--') return { flags, rest: argv.slice(index + 1) };
    const body = arg.slice(arg[1] === '-' ? 2 : 1);
    if (body[0] === '-' || body[0] === '=') return `bad flag syntax: ${arg}`;
    const [, name, equals, given] = /^([^=]+)(=?)(.*)$/s.exec(body)!;
    const spec = byName.get(name!);
    if (spec === undefined) return `flag provided but not defined: -${name}`;
    let written = given!;
    if (equals === '') {
      if (spec.type === 'bool') written = 'true';
      else if (index + 1 < argv.length) written = argv[++index]!;
      else return `flag needs an argument: -${name}`;
    }
    const value = readValue(spec, name!, written);
    if (typeof value === 'object') return value.error;
    flags.set(spec.names[0]!, value);
  }
  return { flags, rest: [] };
}

function readValue(spec: FlagSpec, name: string, written: string): FlagValue | { error: string } {
  if (spec.type === 'string') return written;
  if (spec.type === 'bool') {
    if (/^(1|t|T|TRUE|true|True)$/.test(written)) return true;
    if (/^(0|f|F|FALSE|false|False)$/.test(written)) return false;
    return { error: `invalid boolean value ${goQuote(written)} for -${name}: parse error` };
  }
  const value = parseGoInteger(written);
  if (typeof value === 'number') return value;
  return { error: `invalid value ${goQuote(written)} for flag -${name}: ${value}` };
}

/** 64 bits, with Go's prefixes (`0x`, `0o`, `0b`, `0`) and underscores; or why not. */
function parseGoInteger(text: string): number | string {
  const [, sign, body] = /^([-+]?)(.*)$/s.exec(text)!;
  const plain = body!.replace(/(?<=[0-9a-zA-Z])_(?=[0-9a-fA-F])/g, '');
  const digits = /^0[0-9]/.test(plain) ? `0o${plain.slice(1)}` : plain;
  if (!/^([0-9]+|0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+)$/.test(digits)) return 'parse error';
  const value = sign === '-' ? -BigInt(digits) : BigInt(digits);
  return BigInt.asIntN(64, value) === value ? Number(value) : 'value out of range';
}

type FieldFlags = Readonly<Record<string, (options: ServerOptions, value: never) => void>>;

const setters: FieldFlags = {
  host: (options, value: string) => void (options.host = value),
  port: (options, value: number) => void (options.port = value),
  server_name: (options, value: string) => void (options.serverName = value),
  client_advertise: (options, value: string) => void (options.clientAdvertise = value),
  pid: (options, value: string) => void (options.pidFile = value),
  ports_file_dir: (options, value: string) => void (options.portsFileDir = value),
  http_port: (options, value: number) => void (options.httpPort = value),
  https_port: (options, value: number) => void (options.httpsPort = value),
  log: (options, value: string) => void (options.logFile = value),
  log_size_limit: (options, value: number) => void (options.logSizeLimit = value),
  logtime: (options, value: boolean) => void (options.logtime = value),
  logtime_utc: (options, value: boolean) => void (options.logtimeUtc = value),
  debug: (options, value: boolean) => void (options.debug = value),
  trace: (options, value: boolean) => void (options.trace = value),
  max_traced_msg_len: (options, value: number) => void (options.maxTracedMsgLen = value),
  jetstream: ({ jetstream }, value: boolean) => void (jetstream.enabled = value),
  store_dir: ({ jetstream }, value: string) => void (jetstream.storeDir = value || undefined),
  user: ({ authorization }, value: string) => void (authorization.username = value || undefined),
  pass: ({ authorization }, value: string) => void (authorization.password = value || undefined),
  auth: ({ authorization }, value: string) => void (authorization.token = value || undefined),
};

/** Several switches in one flag; they count after the plain ones. */
const combinedTraces: readonly (readonly [string, readonly ('debug' | 'trace' | 'traceVerbose')[]])[] = [
  ['DV', ['debug', 'trace']],
  ['DVV', ['debug', 'trace', 'traceVerbose']],
  ['VV', ['trace', 'traceVerbose']],
];

/** Puts flags over what a file said. Returns an error text or nothing. */
export function applyFlags(
  options: ServerOptions,
  flags: ExplicitFlags,
  readFile: ConfigSources['readFile'] | undefined,
): string | undefined {
  for (const [name, value] of flags) setters[name]?.(options, value as never);
  for (const [name, fields] of combinedTraces) {
    const value = flags.get(name);
    if (typeof value !== 'boolean') continue;
    for (const field of fields) options[field] = value;
  }
  return applyTlsFlags(options, flags, readFile);
}

/** Any of the TLS flags means TLS with the files they name, unless `--tls=false`. */
function applyTlsFlags(
  options: ServerOptions,
  flags: ExplicitFlags,
  readFile: ConfigSources['readFile'] | undefined,
): string | undefined {
  if (flags.get('tls') === false) {
    delete options.tls;
    return undefined;
  }
  if (!['tls', 'tlscert', 'tlskey', 'tlsverify', 'tlscacert'].some((name) => flags.has(name)))
    return undefined;
  const certFile = String(flags.get('tlscert') ?? '');
  const keyFile = String(flags.get('tlskey') ?? '');
  if (certFile === '') return 'TLS Server certificate must be present and valid';
  if (keyFile === '') return 'TLS Server private key must be present and valid';
  const tls = {
    ...(options.tls ?? defaultTlsOptions()),
    certFile,
    keyFile,
    caFile: String(flags.get('tlscacert') ?? '') || undefined,
    verify: flags.get('tlsverify') === true,
    certs: [],
    cipherSuites: [],
    curvePreferences: [],
    minVersion: '1.2' as const,
  };
  options.tls = tls;
  if (readFile === undefined) return undefined;
  try {
    options.tls.filesDigest = checkTlsFiles(tls, readFile);
    return undefined;
  } catch (error) {
    if (error instanceof TlsFilesError) return error.message;
    throw error;
  }
}
