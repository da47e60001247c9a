// A service that decides who may connect, for tests of auth callout against any server. It makes and reads tokens with code of its own and
// encrypts with the official nkeys library, so that the server is not checked with its own code. What it answers, also what no service
// should, is said by a function of the request.
import { createHash } from 'node:crypto';
import { type Msg, type NatsConnection, nkeys } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { encodeSeed, isSignedBy, UserKey } from './nkeys.js';

type CurveKey = ReturnType<typeof nkeys.createCurve>;
type Fields = Record<string, unknown>;

/** A request as it came: the claims, with what is under `nats` typed as far as tests look at it. */
export interface CalloutRequest {
  aud: string;
  exp: number;
  iat: number;
  iss: string;
  sub: string;
  nats: {
    server_id: { id: string; name: string; xkey?: string };
    user_nkey: string;
    client_info: Fields;
    connect_opts: Fields & { user?: string };
    client_tls?: Fields;
    type: string;
    version: number;
  };
  /** The claims as they were written. */
  text: string;
  /** Whether it came encrypted. */
  sealed: boolean;
}

/** What to answer; all fields are put over those of a proper answer. */
export interface Answer {
  /** Claims of the user's token; `aud` is the account. */
  user?: Fields;
  /** What is under `nats` there. */
  nats?: Fields;
  userSigner?: UserKey;
  /** Takes the place of the user's token. */
  jwt?: string;
  response?: Fields;
  responseNats?: Fields;
  responseSigner?: UserKey;
  /** Header of the answer's token. */
  header?: Fields;
  /** Encrypts the answer with the service's curve key, or with another one. */
  seal?: boolean | CurveKey;
  /** Takes the place of everything. */
  raw?: string;
  /** Says nothing. */
  silent?: boolean;
}

export interface ServiceOptions {
  port: number;
  user: string;
  pass: string;
  issuer: UserKey;
  curve?: CurveKey;
  /** PEM, where the server wants TLS. */
  tls?: { ca: string; cert: string; key: string };
  answer(request: CalloutRequest): Answer | Promise<Answer>;
}

/** A key that is the same in every run. */
export function fixedKey(kind: 'account' | 'user' | 'server', fill: number): UserKey {
  return new UserKey(fill, { account: 0, user: 20, server: 13 }[kind] << 3);
}

/** A curve key that is the same in every run. */
export function fixedCurve(fill: number): CurveKey {
  return nkeys.fromCurveSeed(new TextEncoder().encode(encodeSeed(23 << 3, Buffer.alloc(32, fill))));
}

export class CalloutService {
  readonly requests: CalloutRequest[] = [];
  readonly #connection: NatsConnection;
  readonly #options: ServiceOptions;

  private constructor(connection: NatsConnection, options: ServiceOptions) {
    this.#connection = connection;
    this.#options = options;
  }

  static async start(options: ServiceOptions): Promise<CalloutService> {
    const { port, user, pass, tls } = options;
    const connection = await connect({ port, user, pass, reconnect: false, ...(tls && { tls }) });
    const service = new CalloutService(connection, options);
    connection.subscribe('$SYS.REQ.USER.AUTH', {
      callback: (error, msg) => {
        if (error === null) void service.#handle(msg);
      },
    });
    await connection.flush();
    return service;
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #handle(msg: Msg): Promise<void> {
    const { curve, issuer } = this.#options;
    const sender = msg.headers?.get('Nats-Server-Xkey') ?? '';
    const opened = curve === undefined ? msg.data : curve.open(msg.data, sender);
    if (opened === null) throw new Error('the request cannot be decrypted');
    const request = readRequest(opened, curve !== undefined);
    this.requests.push(request);
    const answer = await this.#options.answer(request);
    if (!answer.silent) msg.respond(answerTo(request, answer, issuer, curve));
  }
}

/** Takes the token of a request apart and checks its signature. */
export function readRequest(payload: Uint8Array, sealed = false): CalloutRequest {
  const token = Buffer.from(payload).toString();
  const [header, body, signature] = token.split('.') as [string, string, string];
  const text = Buffer.from(body, 'base64url').toString();
  const claims = JSON.parse(text);
  const signed = Buffer.from(`${header}.${body}`);
  if (!isSignedBy(claims.iss, signed, Buffer.from(signature, 'base64url'))) {
    throw new Error('the request is not signed by its issuer');
  }
  return { ...claims, text, sealed };
}

/** The bytes of an answer. */
export function answerTo(
  request: CalloutRequest,
  answer: Answer,
  issuer: UserKey,
  curve?: CurveKey,
): Uint8Array {
  if (answer.raw !== undefined) return Buffer.from(answer.raw, 'latin1');
  const { user_nkey: sub, server_id: server } = request.nats;
  const limits = { subs: -1, data: -1, payload: -1 };
  const jwt =
    answer.jwt ??
    token(answer.userSigner ?? issuer, { sub, aud: 'APP', ...answer.user }, 'user', {
      ...limits,
      ...answer.nats,
    });
  const response = token(
    answer.responseSigner ?? issuer,
    { sub, aud: server.id, ...answer.response },
    'authorization_response',
    answer.responseNats ?? { jwt },
    answer.header,
  );
  if (!answer.seal) return Buffer.from(response);
  const sealer = answer.seal === true ? curve! : answer.seal;
  return sealer.seal(Buffer.from(response), server.xkey ?? '');
}

/** A signed token. */
export function token(
  signer: UserKey,
  claims: Fields,
  type: string,
  nats: Fields,
  header: Fields = { typ: 'JWT', alg: 'ed25519-nkey' },
): string {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const times = { iat: Math.floor(Date.now() / 1000), iss: signer.publicKey };
  const jti = createHash('sha256').update(JSON.stringify(claims)).digest('hex');
  const body = { jti, ...times, ...claims, nats: { ...nats, type, version: 2 } };
  const signed = `${encode(header)}.${encode(body)}`;
  return `${signed}.${signer.sign(signed).toString('base64url')}`;
}
