/**
 * What has to hold for options as a whole. `-t` does not look at this, starting a server does, and so does a reload:
 * as officially.
 */
import { wrongDomain } from './domain-mappings.js';
import { goDuration, goQuote } from './go-format.js';
import { wrongHostPort } from './host-port.js';
import { isAnyPublicNkey } from './nkey.js';
import { defaultOptions, type ServerOptions } from './options.js';

const automaticSystemAccount = '$SYS';

/** Options where zero, officially, means the default. */
const zeroIsDefault = [
  'port',
  'maxConnections',
  'pingInterval',
  'pingMax',
  'maxControlLine',
  'maxPayload',
  'maxPending',
  'writeDeadline',
  'maxClosedClients',
  'lameDuckDuration',
  'lameDuckGracePeriod',
  'connectErrorReports',
  'reconnectErrorReports',
] as const;

/** Puts defaults where a configuration or a flag said zero or nothing. */
export function applyBaseline(options: ServerOptions): void {
  const defaults = defaultOptions();
  for (const field of zeroIsDefault) options[field] ||= defaults[field];
  options.host ||= defaults.host;
  // Monitoring listens where clients do, unless told otherwise.
  options.httpHost ||= options.host;
  for (const field of [
    'clientAdvertise',
    'noAuthUser',
    'serverName',
    'systemAccount',
    'logFile',
    'pidFile',
    'portsFileDir',
  ] as const) {
    if (options[field] === '') delete options[field];
  }
}

/** Milliseconds a client has for its CONNECT: as configured, or what TLS leaves of it. */
export function authTimeout(options: ServerOptions): number {
  if (options.authorization.timeout !== undefined) return options.authorization.timeout;
  return options.tls === undefined ? 2000 : options.tls.timeout + 1000;
}

/** Name of the system account, or nothing where there is none. `no_system_account` only leaves out the automatic one. */
export function systemAccountOf(
  options: Pick<ServerOptions, 'systemAccount' | 'noSystemAccount' | 'accounts'>,
): string | undefined {
  const { systemAccount, noSystemAccount, accounts } = options;
  if (systemAccount !== undefined) return systemAccount;
  const named = !noSystemAccount || accounts.some(({ name }) => name === automaticSystemAccount);
  return named ? automaticSystemAccount : undefined;
}

/** The official text for the first thing wrong, or nothing. Wants options after `applyBaseline`. `running` servers have their system account. */
export function validateOptions(options: ServerOptions, running = false): string | undefined {
  const { lameDuckDuration: duration, lameDuckGracePeriod: grace } = options;
  if (duration > 0 && grace >= duration) {
    return (
      `lame duck grace period (${goDuration(grace)}) should be strictly lower than ` +
      `lame duck duration (${goDuration(duration)})`
    );
  }
  if (options.maxPayload > options.maxPending) {
    return `max_payload (${options.maxPayload}) cannot be higher than max_pending (${options.maxPending})`;
  }
  if (options.serverName?.includes(' ')) return 'server name cannot contain spaces';
  return (
    wrongNoAuthUser(options) ??
    wrongProxy(options) ??
    wrongDomain(options) ??
    (running ? undefined : wrongSystemAccount(options)) ??
    wrongMonitoring(options) ??
    wrongAdvertise(options)
  );
}

/** An account that is named has to be there, `$SYS` as well; the global one always is. */
function wrongSystemAccount({ systemAccount, accounts }: ServerOptions): string | undefined {
  if (systemAccount === undefined || systemAccount === '$G') return undefined;
  if (accounts.some(({ name }) => name === systemAccount)) return undefined;
  return 'error resolving system account: account missing';
}

function wrongNoAuthUser(options: ServerOptions): string | undefined {
  const { noAuthUser, authorization } = options;
  if (noAuthUser === undefined) return undefined;
  if (authorization.users.length === 0) {
    return `no_auth_user: "${noAuthUser}" present, but users/nkeys are not defined`;
  }
  if (authorization.users.some((user) => (user.nkey ?? user.username) === noAuthUser)) return undefined;
  return (
    `no_auth_user: "${noAuthUser}" not present as user or nkey in ` +
    'authorization block or account configuration'
  );
}

function wrongProxy(options: ServerOptions): string | undefined {
  const wrong = options.trustedProxies.find((key) => !isAnyPublicNkey(key));
  return wrong === undefined ? undefined : `proxy trusted key ${goQuote(wrong)} is invalid`;
}

/** The official server finds this out a moment later, when it starts to listen. */
function wrongMonitoring(options: ServerOptions): string | undefined {
  const { httpPort, httpsPort, tls } = options;
  if (httpPort !== 0 && httpsPort !== 0) {
    return `can't specify both HTTP (${httpPort}) and HTTPs (${httpsPort}) ports`;
  }
  if (httpsPort !== 0 && tls === undefined) return 'TLS cert and key required for HTTPS';
  return undefined;
}

/** Found out when the official server starts to listen, too. */
function wrongAdvertise({ clientAdvertise }: ServerOptions): string | undefined {
  const wrong = clientAdvertise === undefined ? undefined : wrongHostPort(clientAdvertise);
  if (wrong === undefined) return undefined;
  return `Error setting server INFO with ClientAdvertise value of ${clientAdvertise}, err=${wrong}`;
}
