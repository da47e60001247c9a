/**
 * Authentication by a service outside: whom the configuration knows or does not know, the service has the last word about all clients
 * but its own users and those of accounts that are not delegated to it (official server, `processClientOrLeafAuthentication`).
 *
 * Here is who is asked about; how the service is asked, and what its answer has to look like, is in `auth-service.ts`, which is loaded
 * with the first question.
 */
import type { AuthCalloutOptions, ConnectionType, ServerOptions } from '../config/options.js';
import type { AuthService } from './auth-service.js';
import {
  type Authenticator,
  type AuthRequest,
  type AuthResult,
  type Credentials,
  GLOBAL_ACCOUNT,
  UserIdentity,
} from './authenticator.js';
import type { ClaimedUser, ConfigAuthenticator } from './config-authenticator.js';
import { Permissions } from './permissions.js';

/** Where the service listens. Its account's users may not publish there, so that nobody asks in the server's name. */
export const AUTH_CALLOUT_SUBJECT = '$SYS.REQ.USER.AUTH';

const REFUSED: AuthResult = { ok: false, reason: 'Authentication Failure' };

/** What an operator should hear about, at the start and at every reload. */
export function authCalloutErrors(options: ServerOptions): string[] {
  const { callout, username, users } = options.authorization;
  if (callout === undefined) return [];
  const missing = !accountNames(options).has(callout.account);
  const known = new Set([username, ...users.map((user) => user.nkey ?? user.username)]);
  return [
    ...(missing ? [`Authorization callout account ${JSON.stringify(callout.account)} not valid`] : []),
    ...callout.authUsers
      .filter((user) => user === '' || !known.has(user))
      .map(
        (user) =>
          `Authorization callout user ${JSON.stringify(user)} not valid: ${missing ? 'account missing' : '<nil>'}`,
      ),
  ];
}

/** All accounts that a client can be in. */
function accountNames({ accounts, systemAccount, noSystemAccount }: ServerOptions): Set<string> {
  const names = new Set([GLOBAL_ACCOUNT, ...accounts.map(({ name }) => name)]);
  return noSystemAccount ? names : names.add(systemAccount ?? '$SYS');
}

export class CalloutAuthenticator implements Authenticator {
  /** Also where the configuration has no users: nobody gets in without having been asked about. */
  readonly authRequired = true;
  readonly #configured: ConfigAuthenticator;
  readonly #callout: AuthCalloutOptions;
  readonly #accounts: ReadonlySet<string>;
  readonly #service: () => Promise<AuthService>;
  /** With the service's subject denied, by what they were; kept so that connections share them. */
  readonly #guarded = new WeakMap<Permissions, Permissions>();
  readonly #guardedOpen = new Permissions({ publish: { deny: [AUTH_CALLOUT_SUBJECT] } });

  /** `service` is called for every question. */
  constructor(
    configured: ConfigAuthenticator,
    callout: AuthCalloutOptions,
    options: ServerOptions,
    service: () => Promise<AuthService>,
  ) {
    this.#configured = configured;
    this.#callout = callout;
    this.#service = service;
    this.#accounts = accountNames(options);
  }

  get infoAuthRequired(): boolean {
    return this.#configured.infoAuthRequired;
  }

  get nonceRequired(): boolean {
    return this.#configured.nonceRequired;
  }

  authenticate(request: AuthRequest): AuthResult | Promise<AuthResult> {
    const result = this.#configured.authenticate(request);
    return result instanceof Promise
      ? result.then((done) => this.#decide(request, done))
      : this.#decide(request, result);
  }

  /**
   * The service is not asked again: what it has granted holds until it expires, or as long as there is the account; which service it is
   * cannot change.
   */
  renew(identity: UserIdentity, request: AuthRequest): AuthResult | Promise<AuthResult> {
    if (identity.delegation !== null) {
      return this.#accounts.has(identity.account) ? { ok: true, user: identity } : REFUSED;
    }
    const result = this.#configured.renew(identity, request);
    return result instanceof Promise
      ? result.then((done) => this.#withoutService(done))
      : this.#withoutService(result);
  }

  anonymous(connectionType: ConnectionType): boolean {
    return this.#configured.anonymous(connectionType);
  }

  #decide(request: AuthRequest, result: AuthResult): AuthResult | Promise<AuthResult> {
    // Whatever the service would say, a client that has to come by a proxy is refused without.
    if (!result.ok && result.reason !== 'Authentication Failure') return result;
    const account = result.ok ? result.user.account : GLOBAL_ACCOUNT;
    if (!this.#delegated(account)) return result;
    const claimed = this.#configured.claimedUser(request);
    if (claimed !== null && this.#callout.authUsers.includes(claimed.name)) {
      return this.#withoutService(result);
    }
    return this.#ask({ ...request, connect: withClaim(request.connect, claimed) });
  }

  /** Clients that the configuration does not know are in the global account, which is always the service's. */
  #delegated(account: string): boolean {
    const { allowedAccounts } = this.#callout;
    return account === GLOBAL_ACCOUNT || allowedAccounts.length === 0 || allowedAccounts.includes(account);
  }

  async #ask(request: AuthRequest): Promise<AuthResult> {
    const proxy = this.#configured.trustedProxy(request);
    const trustedProxyKey = proxy === 'not trusted' ? null : proxy;
    const service = await this.#service();
    const answer = await service.decide(request, trustedProxyKey !== null, (name) =>
      this.#accounts.has(name),
    );
    if (!answer.ok) return answer;
    const permissions = this.#guard(answer.account, answer.permissions);
    return { ok: true, user: new UserIdentity({ ...answer, permissions, trustedProxyKey }) };
  }

  #withoutService(result: AuthResult): AuthResult {
    if (!result.ok) {
      return { ...result, told: { account: this.#callout.account, reason: result.reason } };
    }
    if (!this.#delegated(result.user.account)) return result;
    const { account, permissions } = result.user;
    const guarded = this.#guard(account, permissions);
    return guarded === permissions ? result : { ...result, user: result.user.withPermissions(guarded) };
  }

  /** Denies the service's subject to users of its account. */
  #guard(account: string, permissions: Permissions | null): Permissions | null {
    if (account !== this.#callout.account) return permissions;
    if (permissions === null) return this.#guardedOpen;
    let guarded = this.#guarded.get(permissions);
    if (guarded === undefined) {
      const { publish } = permissions.options;
      const deny = [...new Set([...(publish?.deny ?? []), AUTH_CALLOUT_SUBJECT])];
      guarded = new Permissions({ ...permissions.options, publish: { ...publish, deny } });
      this.#guarded.set(permissions, guarded);
    }
    return guarded;
  }
}

/** What CONNECT comes to mean when the configuration has found out whose it is. */
function withClaim(connect: Credentials, claimed: ClaimedUser | null): Credentials {
  if (claimed === null) return connect;
  if (claimed.kind === 'nkey') return { ...connect, nkey: claimed.name };
  return { ...connect, user: claimed.name, pass: claimed.password ?? connect.pass };
}
