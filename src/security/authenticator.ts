/**
 * Who may connect: the seam between a connection and whatever decides, and the data that goes through it.
 *
 * The server asks an `Authenticator`; `ConfigAuthenticator` is the one that follows the configuration. A program that embeds
 * the server can wrap or replace it.
 */
import type { ConnectionType } from '../config/options.js';
import type { PeerCertificate } from './peer-certificate.js';
import type { Permissions } from './permissions.js';

/** Account of users without one. */
export const GLOBAL_ACCOUNT = '$G';

/** The fields of CONNECT that say who the client is; absent and empty mean the same. */
export interface Credentials {
  user?: string;
  pass?: string;
  auth_token?: string;
  /** Public user nkey. */
  nkey?: string;
  /** Signature of the nonce. */
  sig?: string;
  jwt?: string;
  /** Signature of the nonce by a trusted proxy. */
  proxy_sig?: string;
  name?: string;
  lang?: string;
  version?: string;
  protocol?: number;
}

/** What TLS says of a connection. */
export interface TlsFacts {
  /** As Go names them: `1.3`, `TLS_AES_128_GCM_SHA256`. */
  version: string;
  cipher: string;
  /** The peer's certificates (DER), its own first; none where it showed none. */
  certificates(): { chain: readonly Buffer[]; verified: boolean };
}

export interface AuthRequest {
  connect: Credentials;
  /** As sent in INFO; empty when none was. */
  nonce: string;
  connectionType: ConnectionType;
  /** The peer's own certificate; null without TLS or without one. */
  tlsPeer: PeerCertificate | null;
  /** Whether this listener maps certificates to users; absent: as the client listener's `verify_and_map`. */
  tlsMap?: boolean;
  remoteAddress: string;
  remotePort: number;
  /** The number of the connection; absent in requests that are not about one. */
  cid?: number;
  /** Absent or null without TLS. */
  tls?: TlsFacts | null;
}

/** The texts of `/connz` for connections closed because of their credentials. */
export type AuthFailureReason = 'Authentication Failure' | 'Proxy Not Trusted' | 'Proxy Required';

export type AuthResult =
  | {
      ok: true;
      user: UserIdentity;
      /** For the log, at warning level. */
      warning?: string;
    }
  | {
      ok: false;
      reason: AuthFailureReason;
      /** For the log, at debug level. */
      detail?: string;
      /** Who is told of it and why, where that is not the client's account and `reason`. */
      told?: FailureTold;
    };

/** What an account hears of a client that was turned away. */
export interface FailureTold {
  account: string;
  reason: string;
}

/** `none`: nobody has to say who they are. */
export type IdentityKind = 'none' | 'user' | 'nkey' | 'token';

/** What a service that decides about clients gave one. */
export interface Delegation {
  /** Limits of the connection, beside those of account and server; -1 is none. */
  maxSubscriptions: number;
  /** Bytes. */
  maxPayload: number;
}

export interface IdentityFields {
  kind: IdentityKind;
  /** User name or public nkey; empty for `none` and `token`. */
  name: string;
  account?: string;
  permissions?: Permissions | null;
  trustedProxyKey?: string | null;
  /** What CONNECT claimed; the labels show it, as those of the official server do. */
  claims?: Credentials;
  /** What the configuration held when the client's secret was compared with it. */
  verifiedSecret?: string | null;
  expires?: number | null;
  delegation?: Delegation | null;
}

/** Who a connection is. */
export class UserIdentity {
  readonly kind: IdentityKind;
  readonly name: string;
  readonly account: string;
  /** Null allows everything. */
  readonly permissions: Permissions | null;
  /** The key of the trusted proxy that the client came through; null when it did not. */
  readonly trustedProxyKey: string | null;
  /** When the connection has to end, in milliseconds since 1970; null is never. */
  readonly expires: number | null;
  /** Set where an external service has let the client in. */
  readonly delegation: Delegation | null;
  // Private, so that no dump of a connection shows it.
  readonly #verifiedSecret: string | null;
  readonly #claimedNkey: string;
  readonly #claimedUser: string;
  readonly #claimedToken: boolean;

  constructor(fields: IdentityFields) {
    this.kind = fields.kind;
    this.name = fields.name;
    this.account = fields.account ?? GLOBAL_ACCOUNT;
    this.permissions = fields.permissions ?? null;
    this.trustedProxyKey = fields.trustedProxyKey ?? null;
    this.expires = fields.expires ?? null;
    this.delegation = fields.delegation ?? null;
    this.#verifiedSecret = fields.verifiedSecret ?? null;
    const { nkey = '', user = '', auth_token = '' } = fields.claims ?? {};
    // A user by certificate or without credentials claimed nothing, or nothing that counts.
    this.#claimedNkey = nkey || (fields.kind === 'nkey' ? fields.name : '');
    this.#claimedUser = fields.kind === 'user' ? fields.name : user;
    this.#claimedToken = auth_token !== '' || fields.kind === 'token';
  }

  /** `authorized_user` of `/connz`; what the client claimed, also where nobody checks. */
  get label(): string {
    return this.#claimedNkey || this.#claimedUser || (this.#claimedToken ? '[REDACTED]' : '');
  }

  /** As it stands in front of log lines, such as `user:bob`; empty where the client claimed nothing. */
  get logLabel(): string {
    if (this.#claimedNkey !== '') return `nkey:${this.#claimedNkey}`;
    if (this.#claimedUser !== '') return `user:${this.#claimedUser}`;
    return this.#claimedToken ? 'token' : '';
  }

  /** As the log names it, such as `User "bob"`. */
  get description(): string {
    if (this.#claimedNkey !== '') return `Nkey ${JSON.stringify(this.#claimedNkey)}`;
    if (this.#claimedUser !== '') return `User ${JSON.stringify(this.#claimedUser)}`;
    return this.#claimedToken ? 'Token "[REDACTED]"' : 'User "N/A"';
  }

  /** The same client with other permissions. */
  withPermissions(permissions: Permissions | null): UserIdentity {
    const { kind, name, account, trustedProxyKey, expires, delegation } = this;
    const claims: Credentials = { nkey: this.#claimedNkey, user: this.#claimedUser };
    // Only that there was a token is known, and shown.
    if (this.#claimedToken) claims.auth_token = '[REDACTED]';
    const verifiedSecret = this.#verifiedSecret;
    return new UserIdentity({
      ...{ kind, name, account, permissions, trustedProxyKey, expires, delegation },
      ...{ claims, verifiedSecret },
    });
  }

  /** Whether the client has already proved that it knows the secret behind this stored form. */
  hasProved(stored: string): boolean {
    return this.#verifiedSecret === stored;
  }
}

export interface Authenticator {
  /** CONNECT has to carry credentials, or `anonymous` has to let the client in. */
  readonly authRequired: boolean;
  /** `auth_required` of INFO: not claimed when clients get in without credentials. */
  readonly infoAuthRequired: boolean;
  /** INFO has to carry a nonce. */
  readonly nonceRequired: boolean;
  /** Checks a client; a promise only when the answer takes time. */
  authenticate(request: AuthRequest): AuthResult | Promise<AuthResult>;
  /**
   * Checks a client again that an earlier authenticator let in, after a reload. Close the connection when the result is
   * not ok or its account another one; else give the connection the new identity.
   */
  renew(identity: UserIdentity, request: AuthRequest): AuthResult | Promise<AuthResult>;
  /** Whether a client may start with another verb than CONNECT; if so, authenticate it with empty credentials. */
  anonymous(connectionType: ConnectionType): boolean;
}
