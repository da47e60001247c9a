/**
 * Authentication as the configuration says: trusted proxies, nkeys, users with password or certificate, one user, a token.
 *
 * The order of the checks is that of the official server's `processClientOrLeafAuthentication` without operators.
 */
import { randomBytes } from 'node:crypto';
import type { ConnectionType, PermissionsOptions, ServerOptions, UserOptions } from '../config/options.js';
import {
  type Authenticator,
  type AuthRequest,
  type AuthResult,
  GLOBAL_ACCOUNT,
  type IdentityFields,
  UserIdentity,
} from './authenticator.js';
import { DistinguishedName } from './distinguished-name.js';
import { decodeSignature, NkeyVerifier } from './nkeys.js';
import { type BcryptComparer, compareSecret, isBcrypt } from './passwords.js';
import { certificateUserNames, type PeerCertificate } from './peer-certificate.js';
import { Permissions } from './permissions.js';

/** A user of the configuration, ready for use. */
interface KnownUser {
  options: UserOptions;
  /** User name or public nkey. */
  name: string;
  account: string;
  permissions: Permissions | null;
  verifier: NkeyVerifier | null;
}

/** One check in progress. */
interface Attempt {
  request: AuthRequest;
  trustedProxyKey: string | null;
  /** Set when a live connection is checked again. */
  previous: UserIdentity | null;
}

/** See `ConfigAuthenticator.claimedUser`. */
export interface ClaimedUser {
  kind: 'user' | 'nkey';
  name: string;
  password?: string;
}

/** The parts of the server's options that say who may connect. */
export type AuthenticatorOptions = Pick<
  ServerOptions,
  | 'authorization'
  | 'noAuthUser'
  | 'accounts'
  | 'systemAccount'
  | 'trustedProxies'
  | 'alwaysEnableNonce'
  | 'tls'
>;

export interface AuthenticatorContext {
  bcrypt: BcryptComparer;
  /** The `implicitUser` of the authenticator this one replaces, so that its clients stay. */
  implicitUser?: string | null;
}

const REFUSED: AuthResult = { ok: false, reason: 'Authentication Failure' };

function refused(detail: string): AuthResult {
  return { ok: false, reason: 'Authentication Failure', detail };
}

/** What an operator should hear about, once per start or reload. */
export function authenticationWarnings(options: AuthenticatorOptions): string[] {
  const { password, users } = options.authorization;
  const plain = users.some(
    (user) => user.nkey === undefined && !isBcrypt(user.password ?? '') && !certificateOnly(user, options),
  );
  return (password && !isBcrypt(password)) || plain
    ? ['Plaintext passwords detected, use nkeys or bcrypt']
    : [];
}

/** A user without password, whom `verify_and_map` lets in by certificate alone. */
function certificateOnly(user: UserOptions, options: AuthenticatorOptions): boolean {
  return !user.password && options.tls?.verifyAndMap === true && typeAllowed(user, 'STANDARD');
}

function typeAllowed({ allowedConnectionTypes: allowed }: UserOptions, type: ConnectionType): boolean {
  return allowed === undefined || allowed.length === 0 || allowed.includes(type);
}

export class ConfigAuthenticator implements Authenticator {
  readonly authRequired: boolean;
  readonly infoAuthRequired: boolean;
  readonly nonceRequired: boolean;
  /** `verify_and_map` of the client listener. */
  readonly tlsMap: boolean;
  /**
   * Name of the user made up for clients without credentials where the configuration has users of the system account
   * only; null otherwise.
   */
  readonly implicitUser: string | null;
  readonly #options: AuthenticatorOptions;
  readonly #bcrypt: BcryptComparer;
  readonly #users = new Map<string, KnownUser>();
  readonly #nkeys = new Map<string, KnownUser>();
  /** Compiled once where many users have the same, by default or of their account. */
  readonly #permissions = new Map<PermissionsOptions, Permissions>();
  /** Users whose name is a distinguished one, for `verify_and_map`; null until that is asked for. */
  #distinguished: { user: KnownUser; name: DistinguishedName }[] | null = null;
  readonly #proxies: NkeyVerifier[];
  readonly #noAuthUser: string;

  /** Throws for permissions, nkeys or a `no_auth_user` that are not valid. */
  constructor(options: AuthenticatorOptions, context: AuthenticatorContext) {
    this.#options = options;
    this.#bcrypt = context.bcrypt;
    this.tlsMap = options.tls?.verifyAndMap ?? false;
    // Before any user is added: those without a name must not be taken for it.
    this.implicitUser = onlySystemUsers(options)
      ? (context.implicitUser ?? `nats-${randomBytes(4).toString('hex')}`)
      : null;
    for (const user of options.authorization.users) this.#add(user);
    if (this.implicitUser !== null) this.#add({ username: this.implicitUser });
    this.#noAuthUser = this.implicitUser ?? options.noAuthUser ?? '';
    this.#checkNoAuthUser();
    this.#proxies = options.trustedProxies.map(proxyVerifier);
    const { username, token } = options.authorization;
    this.authRequired = this.#users.size > 0 || this.#nkeys.size > 0 || Boolean(username || token);
    this.infoAuthRequired = this.authRequired && !options.noAuthUser;
    this.nonceRequired = options.alwaysEnableNonce || this.#nkeys.size > 0 || this.#proxies.length > 0;
  }

  authenticate(request: AuthRequest): AuthResult | Promise<AuthResult> {
    return this.#check(request, null);
  }

  renew(identity: UserIdentity, request: AuthRequest): AuthResult | Promise<AuthResult> {
    return this.#check(request, identity);
  }

  anonymous(connectionType: ConnectionType): boolean {
    if (!this.authRequired) return true;
    const user = this.#users.get(this.#noAuthUser);
    return user !== undefined && !user.options.proxyRequired && typeAllowed(user.options, connectionType);
  }

  /**
   * The user that a client says it is, proved or not: name and, where the client has left it to `no_auth_user`, the password that it
   * would have needed. Null when the configuration has none such.
   */
  claimedUser(request: AuthRequest): ClaimedUser | null {
    const { connect } = request;
    const nkey = this.#chosenNkey(request);
    if (nkey !== null) return this.#nkeys.has(nkey) ? { kind: 'nkey', name: nkey } : null;
    if (this.#users.size === 0) {
      const { username, token } = this.#options.authorization;
      return !token && username && connect.user === username ? { kind: 'user', name: username } : null;
    }
    if (request.tlsMap ?? this.tlsMap) {
      const { tlsPeer, connectionType } = request;
      const user = tlsPeer === null ? null : this.#userOfCertificate(tlsPeer, connectionType);
      return user === null ? null : { kind: 'user', name: user.name };
    }
    const user = this.#users.get(this.#chosenUser(request));
    if (user === undefined) return null;
    return { kind: 'user', name: user.name, password: connect.user ? undefined : user.options.password };
  }

  #add(options: UserOptions): void {
    const name = options.nkey ?? options.username ?? '';
    const verifier = options.nkey === undefined ? null : NkeyVerifier.from(options.nkey);
    if (options.nkey !== undefined && verifier === null)
      throw new Error('Not a valid public nkey for a user');
    // The defaults of the authorization block are for its own users, not for those of accounts.
    const defaults =
      options.account === undefined ? this.#options.authorization.defaultPermissions : undefined;
    const permissions =
      options.username === this.implicitUser ? undefined : (options.permissions ?? defaults);
    const known: KnownUser = {
      options,
      name,
      account: options.account ?? GLOBAL_ACCOUNT,
      permissions: permissions === undefined ? null : this.#compile(permissions, options),
      verifier,
    };
    (verifier === null ? this.#users : this.#nkeys).set(name, known);
  }

  #compile(permissions: PermissionsOptions, user: UserOptions): Permissions {
    const known = this.#permissions.get(permissions);
    if (known !== undefined) return known;
    try {
      const compiled = new Permissions(permissions);
      this.#permissions.set(permissions, compiled);
      return compiled;
    } catch (error) {
      const who = user.nkey === undefined ? `user "${user.username}"` : `nkey "${user.nkey}"`;
      throw new Error(`invalid permissions for ${who}: ${(error as Error).message}`, { cause: error });
    }
  }

  #checkNoAuthUser(): void {
    const name = this.#noAuthUser;
    if (name === '' || this.#users.has(name) || this.#nkeys.has(name)) return;
    throw new Error(
      this.#users.size + this.#nkeys.size === 0
        ? `no_auth_user: "${name}" present, but users/nkeys are not defined`
        : `no_auth_user: "${name}" not present as user or nkey in authorization block or account configuration`,
    );
  }

  #check(request: AuthRequest, previous: UserIdentity | null): AuthResult | Promise<AuthResult> {
    const proxy = this.trustedProxy(request);
    if (proxy === 'not trusted') return { ok: false, reason: 'Proxy Not Trusted' };
    const attempt: Attempt = { request, previous, trustedProxyKey: proxy };
    if (!this.authRequired) return this.#accept(attempt, { kind: 'none', name: '' });
    const nkey = this.#chosenNkey(request);
    if (nkey !== null) {
      const user = this.#nkeys.get(nkey);
      if (user === undefined || !typeAllowed(user.options, request.connectionType)) return REFUSED;
      return this.#checkNkey(user, attempt);
    }
    if (this.#users.size > 0) {
      if (request.tlsMap ?? this.tlsMap) return this.#checkCertificate(attempt);
      const name = this.#chosenUser(request);
      if (name !== '') {
        const user = this.#users.get(name);
        if (user === undefined || !typeAllowed(user.options, request.connectionType)) return REFUSED;
        return this.#checkUser(user, attempt, false);
      }
    }
    return this.#checkSimple(attempt);
  }

  /** The key of the proxy that signed; null when no proxy did, or none is configured. */
  trustedProxy({ connect, nonce }: AuthRequest): string | null | 'not trusted' {
    if (!connect.proxy_sig || this.#proxies.length === 0) return null;
    const signature = decodeSignature(connect.proxy_sig, false);
    if (signature === null) return 'not trusted';
    const message = Buffer.from(nonce, 'latin1');
    const proxy = this.#proxies.find((candidate) => candidate.verify(message, signature));
    return proxy?.publicKey ?? 'not trusted';
  }

  #chosenNkey({ connect }: AuthRequest): string | null {
    if (this.#nkeys.size === 0) return null;
    if (connect.nkey) return connect.nkey;
    const silent = !connect.user && !connect.pass && !connect.auth_token;
    return silent && this.#nkeys.has(this.#noAuthUser) ? this.#noAuthUser : null;
  }

  #chosenUser({ connect }: AuthRequest): string {
    if (connect.user) return connect.user;
    const silent = !connect.pass && !connect.auth_token;
    return silent && this.#users.has(this.#noAuthUser) ? this.#noAuthUser : '';
  }

  #checkNkey(user: KnownUser, attempt: Attempt): AuthResult {
    const { connect, nonce } = attempt.request;
    if (user.options.proxyRequired && attempt.trustedProxyKey === null) {
      return { ok: false, reason: 'Proxy Required' };
    }
    if (user.name !== this.#noAuthUser) {
      if (!connect.sig) return refused('Signature missing');
      const signature = decodeSignature(connect.sig, true);
      if (signature === null) return refused('Signature not valid base64');
      if (!user.verifier!.verify(Buffer.from(nonce, 'latin1'), signature)) {
        return refused('Signature not verified');
      }
    }
    return this.#accept(attempt, { ...knownFields(user), kind: 'nkey' });
  }

  #checkCertificate(attempt: Attempt): AuthResult | Promise<AuthResult> {
    const { tlsPeer, connectionType, connect } = attempt.request;
    if (tlsPeer === null) return refused('User required in cert, no peer certificates found');
    const user = this.#userOfCertificate(tlsPeer, connectionType);
    if (user === null) return refused('User in cert not found');
    const result = this.#checkUser(user, attempt, true);
    // On a reload the name in CONNECT may be the one that was taken from the certificate before.
    if (!connect.user || attempt.previous !== null) return result;
    const warning = `User ${JSON.stringify(connect.user)} found in connect proto, but user required from cert`;
    const withWarning = (done: AuthResult): AuthResult => (done.ok ? { ...done, warning } : done);
    return result instanceof Promise ? result.then(withWarning) : withWarning(result);
  }

  #userOfCertificate(peer: PeerCertificate, type: ConnectionType): KnownUser | null {
    for (const candidate of certificateUserNames(peer)) {
      const user =
        candidate.kind === 'name'
          ? this.#users.get(candidate.name)
          : this.#userOfDistinguishedName(candidate.name, type);
      if (user !== undefined && typeAllowed(user.options, type)) return user;
    }
    return null;
  }

  /** The user whose name equals the certificate's; failing that, one whose name has the same parts in another order. */
  #userOfDistinguishedName(name: DistinguishedName, type: ConnectionType): KnownUser | undefined {
    this.#distinguished ??= this.#findDistinguished();
    const users = this.#distinguished.filter(({ user }) => typeAllowed(user.options, type));
    const found =
      users.find((each) => each.name.equals(name)) ?? users.find((each) => each.name.equalsInAnyOrder(name));
    return found?.user;
  }

  #findDistinguished(): { user: KnownUser; name: DistinguishedName }[] {
    return [...this.#users.values()].flatMap((user) => {
      const name = DistinguishedName.parse(user.name);
      return name === null ? [] : [{ user, name }];
    });
  }

  #checkUser(user: KnownUser, attempt: Attempt, mapped: boolean): AuthResult | Promise<AuthResult> {
    const { connect } = attempt.request;
    if (user.options.proxyRequired && attempt.trustedProxyKey === null) {
      return { ok: false, reason: 'Proxy Required' };
    }
    const stored = user.options.password ?? '';
    const fields: IdentityFields = { ...knownFields(user), kind: 'user', verifiedSecret: stored };
    if (!mapped && !connect.user && user.name === this.#noAuthUser) return this.#accept(attempt, fields);
    // An empty password would match an empty one; the user's certificate is what counts, and there is none here.
    if (!mapped && user.name !== this.#noAuthUser && certificateOnly(user.options, this.#options)) {
      return refused(`User ${JSON.stringify(user.name)} requires a client certificate`);
    }
    return this.#compare(attempt, stored, connect.pass ?? '', fields);
  }

  #checkSimple(attempt: Attempt): AuthResult | Promise<AuthResult> {
    const { username, password, token, proxyRequired } = this.#options.authorization;
    const { connect } = attempt.request;
    if (proxyRequired && attempt.trustedProxyKey === null) return { ok: false, reason: 'Proxy Required' };
    if (token) {
      const fields: IdentityFields = { kind: 'token', name: '', verifiedSecret: token };
      return this.#compare(attempt, token, connect.auth_token ?? '', fields);
    }
    if (!username || username !== connect.user) return REFUSED;
    const stored = password ?? '';
    const fields: IdentityFields = { kind: 'user', name: username, verifiedSecret: stored };
    return this.#compare(attempt, stored, connect.pass ?? '', fields);
  }

  #compare(
    attempt: Attempt,
    stored: string,
    given: string,
    fields: IdentityFields,
  ): AuthResult | Promise<AuthResult> {
    const { previous } = attempt;
    if (previous !== null && previous.kind === fields.kind && previous.name === fields.name) {
      // Spares a reload one bcrypt comparison per connection.
      if (previous.hasProved(stored)) return this.#accept(attempt, fields);
    }
    const equal = compareSecret(stored, given, this.#bcrypt);
    if (equal instanceof Promise) return equal.then((yes) => (yes ? this.#accept(attempt, fields) : REFUSED));
    return equal ? this.#accept(attempt, fields) : REFUSED;
  }

  #accept(attempt: Attempt, fields: IdentityFields): AuthResult {
    const { trustedProxyKey, request } = attempt;
    return { ok: true, user: new UserIdentity({ ...fields, trustedProxyKey, claims: request.connect }) };
  }
}

function knownFields(user: KnownUser): Omit<IdentityFields, 'kind'> {
  return { name: user.name, account: user.account, permissions: user.permissions };
}

function proxyVerifier(key: string): NkeyVerifier {
  const verifier = NkeyVerifier.from(key);
  if (verifier === null) throw new Error(`proxy trusted key ${JSON.stringify(key)} is invalid`);
  return verifier;
}

/**
 * Whether the configuration declares the system account and nothing else: then it is meant for the administrators'
 * users, and all other clients are to get into the global account as if there were no authentication.
 */
function onlySystemUsers(options: AuthenticatorOptions): boolean {
  const { username, token, users, defaultPermissions, proxyRequired, timeout, callout } =
    options.authorization;
  const systemAccount = options.systemAccount ?? '$SYS';
  const blockDefined = Boolean(
    username || token || defaultPermissions || proxyRequired || timeout || callout,
  );
  return (
    !options.noAuthUser &&
    !blockDefined &&
    options.accounts.length === 1 &&
    options.accounts[0]!.name === systemAccount &&
    users.every((user) => user.account === systemAccount)
  );
}
