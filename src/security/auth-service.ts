/**
 * Asks the service that decides about clients, and looks hard at what it answers (official server, `processClientOrLeafCallout`).
 *
 * Request and answer are tokens, signed by the server and by the service. Each request has a user nkey of its own that both the answer
 * and the user's token in it have to name, and the answer has to name this server: so no answer is good for another client or server.
 * Where the service has a curve key, requests are encrypted for it, and answers may be.
 */

import { goQuote } from '../config/go-format.js';
import type { AuthCalloutOptions } from '../config/options.js';
import type { Clock } from '../runtime/clock.js';
import type { Log } from '../runtime/log.js';
import type {
  AuthRequest,
  AuthResult,
  Credentials,
  Delegation,
  IdentityKind,
  TlsFacts,
} from './authenticator.js';
import {
  type AuthorizationResponse,
  type ClientFacts,
  type ConnectFacts,
  decodeAuthorizationResponse,
  encodeAuthorizationRequest,
  type TlsFactsClaims,
  validateAuthorizationResponse,
} from './authorization-claims.js';
import { timeLeft } from './connect-times.js';
import { parseNetwork } from './networks.js';
import { NkeyPair, type ServerIdentity } from './nkeys.js';
import { Permissions } from './permissions.js';
import {
  connectionTypesOfClaims,
  decodeUserJwt,
  permissionsOfClaims,
  type UserClaims,
  validateUserClaims,
} from './user-claims.js';

/** Header of encrypted requests: the public curve key of the server. */
const XKEY_HEADER = 'Nats-Server-Xkey';
/** How every token begins; anything else may be an encrypted one. */
const TOKEN_START = Buffer.from('eyJ');
/** Different permissions that are kept for clients that get the same ones. */
const PERMISSIONS_KEPT = 1024;

/** A request on its way to the service. */
export interface Question {
  /** Name of the account that the service is in. */
  account: string;
  payload: Uint8Array;
  /** A complete header block, or null. */
  header: Buffer | null;
  /** Milliseconds to wait for the answer. */
  timeout: number;
}

/** What it takes to ask. */
export interface AuthServiceParts {
  callout: AuthCalloutOptions;
  identity: ServerIdentity;
  clock: Clock;
  log: Log;
  /** What requests say of the server. */
  server(): { name: string; host: string; version: string; tags: readonly string[] };
  /** Milliseconds. */
  timeout: number;
  /** Resolves with the first answer's payload; null when none came in time. */
  ask(question: Question): Promise<Uint8Array | null>;
}

/** What a client may be, as the service says. */
export interface Granted {
  ok: true;
  kind: IdentityKind;
  name: string;
  account: string;
  claims: Credentials;
  /** Null allows everything: the default permissions of an account are for the users in its configuration. */
  permissions: Permissions | null;
  expires: number | null;
  delegation: Delegation;
}

export type Refused = Extract<AuthResult, { ok: false }>;

/** Why a client is not let in, in the words of the official log. */
class Refusal extends Error {
  readonly reason: 'Authentication Failure' | 'Proxy Required';

  constructor(text: string, reason: Refusal['reason'] = 'Authentication Failure') {
    super(text);
    this.reason = reason;
  }
}

export class AuthService {
  readonly #parts: AuthServiceParts;
  readonly #permissions = new Map<string, Permissions>();

  constructor(parts: AuthServiceParts) {
    this.#parts = parts;
  }

  /** `byProxy`: the client came by a trusted proxy. `hasAccount` tells which accounts there are. */
  async decide(
    request: AuthRequest,
    byProxy: boolean,
    hasAccount: (name: string) => boolean,
  ): Promise<Granted | Refused> {
    const { callout, log } = this.#parts;
    try {
      if (!hasAccount(callout.account)) {
        const account = goQuote(callout.account);
        throw new Refusal(`No valid account ${account} for auth callout request: account missing`);
      }
      const userNkey = NkeyPair.generate('user').publicKey;
      const answer = await this.#parts.ask(await this.#question(request, userNkey));
      if (answer === null) {
        log.debug(
          `Authorization callout response not received in time on account ${goQuote(callout.account)}`,
        );
        return this.#refused('');
      }
      const user = decodeUserJwt((await this.#readAnswer(answer, userNkey)).jwt);
      this.#checkUser(user, userNkey, byProxy, hasAccount);
      return this.#grant(user, request);
    } catch (error) {
      const { message } = error as Error;
      const text = message.charAt(0).toUpperCase() + message.slice(1);
      log.warn(text);
      return this.#refused(text, error instanceof Refusal ? error.reason : undefined);
    }
  }

  /** The service's account hears why. */
  #refused(why: string, reason: Refusal['reason'] = 'Authentication Failure'): Refused {
    return { ok: false, reason, told: { account: this.#parts.callout.account, reason: why } };
  }

  // --- The question ---------------------------------------------------------------------------------------------------

  async #question(request: AuthRequest, userNkey: string): Promise<Question> {
    const { callout, identity, clock, timeout } = this.#parts;
    const { connect, nonce, tls } = request;
    const token = encodeAuthorizationRequest(
      {
        issuer: callout.issuer,
        expires: Math.floor((clock.now() + timeout) / 1000),
        server: {
          ...this.#parts.server(),
          id: identity.id,
          xkey: callout.xkey === undefined ? '' : identity.xkey,
        },
        userNkey,
        client: clientFacts(request, connect.sig ? nonce : ''),
        connect: connectFacts(connect),
        tls: tls ? tlsFacts(tls) : null,
      },
      { publicKey: identity.id, sign: (message) => identity.sign(message) },
      clock.now(),
    );
    const { account, xkey } = callout;
    if (xkey === undefined) return { account, payload: Buffer.from(token), header: null, timeout };
    const { seal } = await import('./xkeys.js');
    return {
      account,
      payload: seal(identity, Buffer.from(token), xkey),
      header: Buffer.from(`NATS/1.0\r\n${XKEY_HEADER}: ${identity.xkey}\r\n\r\n`),
      timeout,
    };
  }

  // --- The answer -----------------------------------------------------------------------------------------------------

  async #readAnswer(answer: Uint8Array, userNkey: string): Promise<AuthorizationResponse> {
    const { callout, identity, clock } = this.#parts;
    if (answer.length === 0) {
      throw new Refusal(
        `auth callout violation: "no reason supplied" on account ${goQuote(callout.account)}`,
      );
    }
    const encrypted = callout.xkey !== undefined && !TOKEN_START.equals(answer.subarray(0, 3));
    const token = encrypted ? await this.#decrypt(answer, callout.xkey!) : answer;
    const response = decodeAuthorizationResponse(Buffer.from(token).toString('latin1'));
    const [issue] = validateAuthorizationResponse(response, clock.now());
    if (issue !== undefined) {
      throw new Refusal(`authorization response had validation errors: ${issue.description}`);
    }
    if (response.subject !== userNkey) {
      throw new Refusal('auth callout violation: auth callout response is not for expected user');
    }
    if (response.audience !== identity.id) {
      throw new Refusal('auth callout violation: auth callout response is not for server');
    }
    // Who can encrypt for this server with the service's key is the service.
    if (!encrypted && response.issuer !== callout.issuer) {
      throw new Refusal('auth callout signing key is unknown');
    }
    if (response.error !== '') {
      throw new Refusal(`auth callout service returned an error: ${response.error}`);
    }
    return response;
  }

  async #decrypt(answer: Uint8Array, xkey: string): Promise<Buffer> {
    const { open } = await import('./xkeys.js');
    try {
      return open(this.#parts.identity, answer, xkey);
    } catch (error) {
      const account = goQuote(this.#parts.callout.account);
      throw new Refusal(
        `error decrypting auth callout response on account ${account}: ${(error as Error).message}`,
      );
    }
  }

  #checkUser(
    user: UserClaims,
    userNkey: string,
    byProxy: boolean,
    hasAccount: (name: string) => boolean,
  ): void {
    const { callout, clock } = this.#parts;
    const account = goQuote(callout.account);
    if (user.proxyRequired && !byProxy) throw new Refusal('proxy connection required', 'Proxy Required');
    const [issue] = validateUserClaims(user, clock.now());
    if (issue !== undefined) throw new Refusal(`Error validating user JWT: ${issue.description}`);
    if (user.subject !== userNkey) {
      const [wanted, got] = [goQuote(userNkey), goQuote(user.subject)];
      throw new Refusal(`Expected authorized user of ${wanted} but got ${got} on account ${account}`);
    }
    if (user.issuerAccount !== '') {
      // It would let the service speak for another account.
      throw new Refusal(`error non operator mode account ${account}: attempted to use issuer_account`);
    }
    if (user.issuer !== callout.issuer) {
      const [wanted, got] = [goQuote(callout.issuer), goQuote(user.issuer)];
      throw new Refusal(
        `wrong issuer for auth callout response on account ${account}, expected ${wanted} got ${got}`,
      );
    }
    if (!hasAccount(user.audience)) {
      const wanted = goQuote(user.audience);
      throw new Refusal(
        `no valid account ${wanted} for auth callout response on account ${account}: account missing`,
      );
    }
  }

  // --- What follows from it -------------------------------------------------------------------------------------------

  #grant(user: UserClaims, request: AuthRequest): Granted {
    const now = this.#parts.clock.now();
    const account = goQuote(this.#parts.callout.account);
    const left = timeLeft(user.times, user.timesLocation, now);
    if (left === null) {
      throw new Refusal(`authorized user on account ${account} outside of valid connect times`);
    }
    const types = connectionTypesOfClaims(user);
    if (types === null) {
      throw new Refusal(`authorized user on account ${account} using invalid connection type`);
    }
    if (types.length > 0 && !types.includes(request.connectionType)) {
      throw new Refusal(`authorized user on account ${account} not allowed to use connection type`);
    }
    const { remoteAddress } = request;
    if (!mayComeFrom(user.sources, remoteAddress)) {
      throw new Refusal(`authorized user on account ${account} not allowed from ${goQuote(remoteAddress)}`);
    }
    return {
      ok: true,
      ...shownAs(user, request.connect),
      account: user.audience,
      expires: expiryOf(user, left, now),
      permissions: this.#permissionsOf(user),
      delegation: {
        maxSubscriptions: user.maxSubscriptions > 0 ? user.maxSubscriptions : -1,
        maxPayload: user.maxPayload > 0 ? user.maxPayload : -1,
      },
    };
  }

  /** The same object for users with the same permissions: publishing compares them by reference. */
  #permissionsOf(user: UserClaims): Permissions | null {
    const options = permissionsOfClaims(user);
    if (options === null) return null;
    const key = JSON.stringify(options);
    let permissions = this.#permissions.get(key);
    if (permissions === undefined) {
      try {
        permissions = new Permissions(options);
      } catch (error) {
        throw new Refusal(`Error validating user JWT: ${(error as Error).message}`);
      }
      if (this.#permissions.size >= PERMISSIONS_KEPT) this.#permissions.clear();
      this.#permissions.set(key, permissions);
    }
    return permissions;
  }
}

/** The name in the token, else what the client claimed. */
function shownAs({ name }: UserClaims, connect: Credentials): Pick<Granted, 'kind' | 'name' | 'claims'> {
  if (name !== '') return { kind: 'user', name, claims: { user: name } };
  if (connect.nkey) return { kind: 'nkey', name: connect.nkey, claims: connect };
  if (connect.user) return { kind: 'user', name: connect.user, claims: connect };
  return { kind: connect.auth_token ? 'token' : 'none', name: '', claims: connect };
}

/** The token's time, to the second, or the end of the window, whichever comes first. */
function expiryOf({ expires }: UserClaims, left: number, now: number): number | null {
  const ends = left === 0 ? [] : [now + left];
  if (expires !== 0) ends.push(now + Math.max(0, expires - Math.floor(now / 1000)) * 1000);
  return ends.length === 0 ? null : Math.min(...ends);
}

function mayComeFrom(networks: readonly string[], address: string): boolean {
  return networks.length === 0 || networks.some((text) => parseNetwork(text)?.contains(address));
}

function clientFacts(request: AuthRequest, nonce: string): ClientFacts {
  const { connect, connectionType, remoteAddress, cid = 0 } = request;
  const { nkey, user, auth_token: token } = connect;
  const [transport] = connectionType.split('_');
  return {
    host: remoteAddress,
    id: cid,
    user: nkey || user || (token ? '[REDACTED]' : ''),
    name: connect.name ?? '',
    kind: transport === 'LEAFNODE' ? 'Leafnode' : 'Client',
    type: transport === 'MQTT' ? 'mqtt' : transport === 'WEBSOCKET' ? 'websocket' : 'nats',
    nonce,
  };
}

function connectFacts(connect: Credentials): ConnectFacts {
  const { nkey = '', sig = '', auth_token = '', user = '', pass = '', name = '', lang = '' } = connect;
  const { version = '', protocol = 0 } = connect;
  return { nkey, sig, auth_token, user, pass, name, lang, version, protocol };
}

function tlsFacts({ version, cipher, certificates }: TlsFacts): TlsFactsClaims {
  const { chain, verified } = certificates();
  const pem = chain.map(toPem);
  return {
    version,
    cipher,
    certs: verified ? [] : pem,
    verified_chains: verified && pem.length > 0 ? [pem] : [],
  };
}

function toPem(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
