/**
 * A program's own say in who may connect and what they may do, put in front of or behind what the configuration says.
 */
import { optionsFromObject } from '../config/load.js';
import type { ConnectionType } from '../config/options.js';
import type { PermissionsConfig } from '../config/server-config.js';
import {
  type Authenticator,
  type AuthRequest,
  type AuthResult,
  GLOBAL_ACCOUNT,
  type IdentityKind,
  UserIdentity,
} from '../security/authenticator.js';
import { decodeSignature, NkeyVerifier } from '../security/nkeys.js';
import type { PeerCertificate } from '../security/peer-certificate.js';
import { Permissions } from '../security/permissions.js';

/** A client that wants in. Text is empty where the client sent none. */
export interface AuthenticationRequest {
  readonly user: string;
  readonly password: string;
  readonly token: string;
  /** Public user nkey, `U...`; only a claim until `provesNkey()`. */
  readonly nkey: string;
  /** What the client calls itself, and which library it uses. */
  readonly name: string;
  readonly lang: string;
  readonly version: string;
  readonly connectionType: ConnectionType;
  /** The client's certificate; null without TLS or without one. */
  readonly certificate: PeerCertificate | null;
  /** Empty for clients in the process. */
  readonly remoteAddress: string;
  readonly remotePort: number;
  /** Whether the client has signed this connection's nonce with the seed that belongs to `nkey`. */
  provesNkey(): boolean;
}

/** What a hook gives a user. */
export interface UserGrant {
  /** As events, logs and monitoring show it. Default: what the client claimed. */
  name?: string;
  /** Default: the user's account in the configuration, else the global one, `$G`. */
  account?: string;
  /**
   * As in a configuration file. Null allows everything; absent leaves what the configuration says. Objects are compiled when
   * first seen: hand out the same one again where users share it, and do not change it afterwards.
   */
  permissions?: PermissionsConfig | null;
  /** When the connection has to end: the client is told `User Authentication Expired`. Default: as it was, or never. */
  expires?: Date;
}

/** A user as far as known when `authorize` is asked. */
export interface AuthenticatedUser {
  readonly name: string;
  readonly account: string;
}

type Awaitable<T> = T | Promise<T>;

/**
 * Decides whether a client may connect: `true` or a grant lets it in, `false` turns it away, and `undefined` leaves it to the
 * configuration. A hook that throws or rejects turns the client away and is reported by the `error` event.
 */
export type AuthenticateHook = (request: AuthenticationRequest) => Awaitable<boolean | UserGrant | undefined>;

/**
 * Asked for every client that has been let in, by the configuration or by `authenticate`: returns account and permissions
 * that take the place of what it has, `undefined` to leave them, `false` to turn it away.
 */
export type AuthorizeHook = (
  user: AuthenticatedUser,
  request: AuthenticationRequest,
) => Awaitable<Omit<UserGrant, 'name'> | false | undefined>;

export interface Hooks {
  authenticate?: AuthenticateHook;
  authorize?: AuthorizeHook;
  onError: (error: Error) => void;
}

const REFUSED: AuthResult = { ok: false, reason: 'Authentication Failure' };

/** The configured authenticator with hooks around it. Clients then have to send CONNECT before anything else. */
export class HookedAuthenticator implements Authenticator {
  readonly authRequired = true;
  readonly #configured: Authenticator;
  readonly #hooks: Hooks;
  readonly #compiled = new WeakMap<PermissionsConfig, Permissions>();

  constructor(configured: Authenticator, hooks: Hooks) {
    this.#configured = configured;
    this.#hooks = hooks;
  }

  get infoAuthRequired(): boolean {
    return this.#hooks.authenticate !== undefined || this.#configured.infoAuthRequired;
  }

  /** The hook may want to see a signature. */
  get nonceRequired(): boolean {
    return this.#hooks.authenticate !== undefined || this.#configured.nonceRequired;
  }

  authenticate(request: AuthRequest): AuthResult | Promise<AuthResult> {
    return this.#check(request, () => this.#configured.authenticate(request));
  }

  renew(identity: UserIdentity, request: AuthRequest): AuthResult | Promise<AuthResult> {
    return this.#check(request, () => this.#configured.renew(identity, request));
  }

  anonymous(): boolean {
    return false;
  }

  #check(request: AuthRequest, configured: () => Awaitable<AuthResult>): Awaitable<AuthResult> {
    const view = new RequestView(request);
    const { authenticate } = this.#hooks;
    const first =
      authenticate === undefined
        ? configured()
        : this.#guard(() =>
            andThen(authenticate(view), (decision) =>
              decision === undefined ? configured() : this.#decided(decision, request),
            ),
          );
    return andThen(first, (result) => this.#authorize(result, view, request));
  }

  #decided(decision: boolean | UserGrant, request: AuthRequest): AuthResult {
    if (decision === false) return REFUSED;
    const grant = decision === true ? {} : decision;
    const { kind, name } = claimed(request, grant.name);
    return {
      ok: true,
      user: new UserIdentity({
        kind,
        name,
        account: grant.account,
        permissions: this.#permissions(grant.permissions) ?? null,
        expires: grant.expires?.getTime() ?? null,
        claims: grant.name === undefined ? request.connect : { user: grant.name },
      }),
    };
  }

  #authorize(result: AuthResult, view: RequestView, request: AuthRequest): Awaitable<AuthResult> {
    const { authorize } = this.#hooks;
    if (!result.ok || authorize === undefined) return result;
    const { user } = result;
    return this.#guard(() =>
      andThen(authorize({ name: user.name, account: user.account }, view), (grant) => {
        if (grant === false) return REFUSED;
        if (grant === undefined) return result;
        const permissions = this.#permissions(grant.permissions);
        const changed = new UserIdentity({
          kind: user.kind,
          name: user.name,
          account: grant.account ?? user.account,
          permissions: permissions === undefined ? user.permissions : permissions,
          trustedProxyKey: user.trustedProxyKey,
          expires: grant.expires?.getTime() ?? user.expires,
          delegation: user.delegation,
          claims: user.kind === 'user' ? { user: user.name } : request.connect,
        });
        return { ...result, user: changed };
      }),
    );
  }

  /** Refuses where the program's code fails, and lets it know. */
  #guard(action: () => Awaitable<AuthResult>): Awaitable<AuthResult> {
    const failed = (error: unknown): AuthResult => {
      this.#hooks.onError(error instanceof Error ? error : new Error(String(error)));
      return REFUSED;
    };
    try {
      const result = action();
      return result instanceof Promise ? result.catch(failed) : result;
    } catch (error) {
      return failed(error);
    }
  }

  #permissions(config: PermissionsConfig | null | undefined): Permissions | null | undefined {
    if (config === null || config === undefined) return config;
    let permissions = this.#compiled.get(config);
    if (permissions === undefined) {
      permissions = compile(config);
      this.#compiled.set(config, permissions);
    }
    return permissions;
  }
}

class RequestView implements AuthenticationRequest {
  readonly #request: AuthRequest;

  constructor(request: AuthRequest) {
    this.#request = request;
  }

  get user(): string {
    return this.#request.connect.user ?? '';
  }

  get password(): string {
    return this.#request.connect.pass ?? '';
  }

  get token(): string {
    return this.#request.connect.auth_token ?? '';
  }

  get nkey(): string {
    return this.#request.connect.nkey ?? '';
  }

  get name(): string {
    return this.#request.connect.name ?? '';
  }

  get lang(): string {
    return this.#request.connect.lang ?? '';
  }

  get version(): string {
    return this.#request.connect.version ?? '';
  }

  get connectionType(): ConnectionType {
    return this.#request.connectionType;
  }

  get certificate(): PeerCertificate | null {
    return this.#request.tlsPeer;
  }

  get remoteAddress(): string {
    return this.#request.remoteAddress;
  }

  get remotePort(): number {
    return this.#request.remotePort;
  }

  provesNkey(): boolean {
    const { connect, nonce } = this.#request;
    if (!connect.nkey || !connect.sig || nonce === '') return false;
    const signature = decodeSignature(connect.sig, true);
    if (signature === null) return false;
    return NkeyVerifier.from(connect.nkey)?.verify(Buffer.from(nonce, 'latin1'), signature) ?? false;
  }
}

function claimed({ connect }: AuthRequest, given?: string): { kind: IdentityKind; name: string } {
  if (given !== undefined) return { kind: 'user', name: given };
  if (connect.nkey) return { kind: 'nkey', name: connect.nkey };
  if (connect.user) return { kind: 'user', name: connect.user };
  return { kind: connect.auth_token ? 'token' : 'none', name: '' };
}

/** Reads permissions the way the configuration does, by letting it read a user that has them. */
function compile(permissions: PermissionsConfig): Permissions {
  const users = [{ user: GLOBAL_ACCOUNT, pass: '', permissions }];
  const { options, errors, text } = optionsFromObject({ authorization: { users } });
  if (errors.length > 0) throw new Error(`invalid permissions: ${text.trimEnd()}`);
  return new Permissions(options.authorization.users[0]?.permissions ?? {});
}

/** Goes on at once where there is nothing to wait for: most checks take no time, and a connection on hold costs some. */
function andThen<T, R>(value: Awaitable<T>, next: (value: T) => Awaitable<R>): Awaitable<R> {
  return value instanceof Promise ? value.then(next) : next(value);
}
