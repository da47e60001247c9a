/**
 * Gives a running server new options. Everything that can go wrong is done first (reading, comparing, loading certificates,
 * opening the log file), so that a reload that is refused has changed nothing. Order and texts are the official server's.
 */
import type { BrokerAccount } from './broker/broker.js';
import type { ClientConnection } from './broker/connection.js';
import { Door } from './broker/door.js';
import type { ServerOptions } from './config/options.js';
import { diffOptions, type OptionChange, reloadRules } from './config/reload.js';
import { clientErrors } from './protocol/errors.js';
import { authCalloutErrors } from './security/auth-callout.js';
import { type Authenticator, GLOBAL_ACCOUNT } from './security/authenticator.js';
import { matchesPinnedCert } from './security/peer-certificate.js';
import type { LoadedTls } from './security/tls.js';
import type { Server } from './server.js';

/** All that a reload needs, ready to be put in place. */
interface Prepared {
  options: ServerOptions;
  changes: OptionChange[];
  authenticator: Authenticator;
  implicitUser: string | null;
  tls: LoadedTls | null;
  door: Door;
  commitLog: () => void;
}

/** Rejects with the reason when the server cannot change over, and then leaves it as it is. */
export async function reload(server: Server): Promise<void> {
  await apply(server, await prepare(server));
}

async function prepare(server: Server): Promise<Prepared> {
  const { broker, parts } = server;
  if (parts.readOptions === undefined) {
    throw new Error('can only reload config when a file is provided using -c or --config');
  }
  const loaded = parts.readOptions();
  // Warnings are forgiven, as at a start; nobody hears of them, which is how it is officially.
  if (loaded.errors.length > 0) throw new Error(loaded.text);
  const { options } = loaded;
  const { changes, refused } = diffOptions(broker.options, options);
  if (refused !== null) throw new Error(refused);
  if (options.port === -1) options.port = broker.options.port;
  const { authenticator, implicitUser } = server.createAuthenticator(options, server.implicitUser);
  const tls = await server.loadTls(options);
  if (differs(server.tls, tls)) addTlsChange(changes);
  const door = await Door.create(broker, tls);
  await broker.prepare(options);
  return {
    options,
    changes,
    authenticator,
    implicitUser,
    tls,
    door,
    commitLog: parts.prepareLog?.(options) ?? (() => {}),
  };
}

/** The same files may hold other certificates than before. */
function differs(from: LoadedTls | null, to: LoadedTls | null): boolean {
  const material = (tls: LoadedTls | null) =>
    JSON.stringify([tls?.certificates.map(({ cert, key }) => [cert, key]), tls?.context.ca]);
  return material(from) !== material(to);
}

function addTlsChange(changes: OptionChange[]): void {
  if (changes.some(({ key }) => key === 'tls')) return;
  const order = reloadRules.map(({ key }) => key);
  const place = order.indexOf('tls');
  const at = changes.findIndex(({ key }) => order.indexOf(key) > place);
  const change = { key: 'tls', from: undefined, to: undefined, notice: 'Reloaded: tls = enabled' };
  changes.splice(at < 0 ? changes.length : at, 0, change);
}

async function apply(server: Server, prepared: Prepared): Promise<void> {
  const { broker, log } = server;
  const { options, changes, authenticator } = prepared;
  const previous = broker.options;
  const knownBefore = userNames(previous, server.implicitUser);
  const knownNow = userNames(options, prepared.implicitUser);
  broker.options = options;
  server.implicitUser = prepared.implicitUser;
  broker.authenticator = authenticator;
  broker.applyAccounts();
  server.useTls(prepared.tls, prepared.door);
  for (const connection of broker.connections.values()) connection.applyLimits();
  for (const change of changes) {
    applyChange(server, change, previous);
    if (change.notice !== '') for (const line of change.notice.split('\n')) log.notice(line);
  }
  prepared.commitLog();
  for (const error of authCalloutErrors(options)) log.error(error);
  for (const connection of broker.connections.values()) connection.refreshTrace();
  const isGone = (name: string) => knownBefore.has(name) && !knownNow.has(name);
  await Promise.all([...broker.connections.values()].map((each) => renew(server, each, isGone)));
  for (const account of broker.accounts.values()) closeExcessOf(account);
  removeAccounts(server);
  await server.reloadJetStream();
  const digest = options.configDigest === '' ? '' : `(${options.configDigest})`;
  log.notice(`Reloaded server configuration ${digest}`);
  if (changes.some(({ key }) => key === 'tls.pinned_certs')) closeUnpinned(server, prepared.tls);
  server.configLoadTime = server.clock.now();
}

/** What a change needs beyond being looked up in the options. */
function applyChange(server: Server, change: OptionChange, previous: ServerOptions): void {
  switch (change.key) {
    case 'client_advertise':
      server.advertise();
      break;
    case 'max_connections':
      closeExcess(server);
      break;
    case 'pid_file':
      try {
        server.announcements.writePid();
      } catch (error) {
        server.log.error(`Failed to write pidfile: ${(error as Error).message}`);
      }
      break;
    case 'ports_file_dir':
      if (previous.portsFileDir) server.announcements.removePorts();
      server.announcements.writePorts();
      break;
  }
}

function closeExcess({ broker, log }: Server): void {
  const connections = [...broker.connections.values()];
  const excess = connections.length - Math.max(0, broker.options.maxConnections);
  if (excess <= 0) return;
  for (let closed = 0; closed < excess; closed++) {
    const [connection] = connections.splice(broker.random.next() % connections.length, 1);
    // One line stands for all of them, as they would be the same but for the client.
    if (closed === 0)
      connection!.logError(`${clientErrors.connectionsExceeded} - Account:${connection!.account.name}`);
    connection!.closeWith(clientErrors.connectionsExceeded, 'Maximum Connections Exceeded');
  }
  log.notice(`Closed ${excess} connections to fall within max_connections`);
}

/** An account whose limit was lowered keeps the connections that have been there longest. */
function closeExcessOf(account: BrokerAccount): void {
  const { maxConnections } = account.limits;
  if (maxConnections === -1) return;
  const oldestFirst = [...account.connections].sort((a, b) => a.cid - b.cid);
  for (const connection of oldestFirst.slice(maxConnections)) {
    connection.logError(clientErrors.accountConnectionsExceeded);
    connection.closeWith(clientErrors.accountConnectionsExceeded, 'Maximum Account Connections Exceeded');
  }
}

/** Lets a connection go on under the new users, or ends it. */
async function renew(
  server: Server,
  connection: ClientConnection,
  isGone: (user: string) => boolean,
): Promise<void> {
  const { authenticator } = server.broker;
  const { identity } = connection;
  if (connection.closed) return;
  if (identity === null) {
    // Has not said who it is; whether it has to may have changed.
    if (!connection.authPending) connection.begin();
    return;
  }
  const result = await authenticator.renew(identity, connection.authRequest());
  if (connection.closed) return;
  if (!result.ok) {
    // Clients of a user that is no longer there are closed without a word, as those of one in another account.
    if (identity.kind !== 'token' && isGone(identity.name)) connection.close('Client Closed');
    else connection.authorizationViolation(result.reason);
  } else if (result.user.account !== identity.account) {
    // The client is to come back to its new account.
    connection.close('Client Closed');
  } else {
    connection.identity = result.user;
    connection.applyPermissions(result.user.permissions);
  }
}

/** Names and keys of the listed users, and of the one that was made up for clients without credentials. */
function userNames({ authorization }: ServerOptions, implicitUser: string | null): Set<string> {
  const names = new Set<string>();
  for (const user of authorization.users) names.add((user.nkey ?? user.username)!);
  if (implicitUser !== null) names.add(implicitUser);
  return names;
}

function closeUnpinned({ broker }: Server, tls: LoadedTls | null): void {
  if (tls === null) return;
  for (const connection of [...broker.connections.values()]) {
    if (connection.tls === null || matchesPinnedCert(tls, connection.tls.peer)) continue;
    connection.close('TLS Handshake Failure');
  }
}

/** Accounts that the configuration no longer has. */
function removeAccounts({ broker }: Server): void {
  const kept = new Set(broker.options.accounts.map(({ name }) => name));
  kept.add(GLOBAL_ACCOUNT).add(broker.systemAccountName);
  for (const [name, account] of broker.accounts) {
    if (!kept.has(name) && account.connections.size === 0) broker.removeAccount(account);
  }
}
