/** What a server and the service that decides about its clients say to each other: the claims of their requests and answers. */
import {
  type ClaimIssue,
  claimError,
  decodeJwt,
  encodeJwt,
  isKeyOf,
  JwtError,
  type JwtSigner,
  type StandardClaims,
  validateTimes,
} from './jwt.js';

/** `server_id`: who asks. Empty texts are left out where the official server leaves them out. */
export interface ServerFacts {
  name: string;
  host: string;
  id: string;
  version: string;
  tags: readonly string[];
  /** Public curve key; empty unless the request is encrypted. */
  xkey: string;
}

/** `client_info`: what the server knows. */
export interface ClientFacts {
  host: string;
  id: number;
  user: string;
  name: string;
  kind: string;
  type: string;
  /** Empty unless the client has signed it. */
  nonce: string;
}

/** `connect_opts`: what the client said. */
export interface ConnectFacts {
  nkey: string;
  sig: string;
  auth_token: string;
  user: string;
  pass: string;
  name: string;
  lang: string;
  version: string;
  protocol: number;
}

/** `client_tls`: certificates in PEM, each client's own first. */
export interface TlsFactsClaims {
  version: string;
  cipher: string;
  certs: readonly string[];
  verified_chains: readonly (readonly string[])[];
}

export interface AuthorizationRequest {
  /** The key that answers have to be signed with. */
  issuer: string;
  /** Seconds since 1970 until when the answer is waited for. */
  expires: number;
  server: ServerFacts;
  /** Public user nkey, made for this request alone. */
  userNkey: string;
  client: ClientFacts;
  connect: ConnectFacts;
  /** Null without TLS. */
  tls: TlsFactsClaims | null;
}

/** The audience of requests. */
const REQUEST_AUDIENCE = 'nats-authorization-request';

/** Empty texts, zeros and empty lists are `undefined`, which JSON leaves out. */
function withoutEmpty<T extends object>(fields: T): Partial<T> {
  const kept = Object.entries(fields).filter(
    ([, value]) => value !== '' && value !== 0 && !(Array.isArray(value) && value.length === 0),
  );
  return Object.fromEntries(kept) as Partial<T>;
}

export function encodeAuthorizationRequest(
  request: AuthorizationRequest,
  signer: JwtSigner,
  now: number,
): string {
  const { server, client, connect, tls } = request;
  const { name, host, id, ...more } = server;
  const { protocol, ...credentials } = connect;
  const nats = {
    server_id: { name, host, id, ...withoutEmpty(more) },
    user_nkey: request.userNkey,
    client_info: withoutEmpty(client),
    connect_opts: { ...withoutEmpty(credentials), protocol },
    client_tls: tls === null ? undefined : withoutEmpty(tls),
  };
  const claims = { audience: REQUEST_AUDIENCE, expires: request.expires, subject: request.issuer };
  return encodeJwt('authorization_request', claims, nats, signer, now);
}

export interface AuthorizationResponse extends StandardClaims {
  /** The user's token; empty where there is an error. */
  jwt: string;
  error: string;
  /** The account, where a signing key of it has signed. */
  issuerAccount: string;
}

/** Reads the token of an answer. Throws `JwtError`. */
export function decodeAuthorizationResponse(token: string): AuthorizationResponse {
  const { kind, claims, nats } = decodeJwt(token);
  // The official text says "request".
  if (kind !== 'authorization_response') throw new JwtError('not an authorization request claim');
  return {
    ...claims,
    jwt: nats.string('jwt'),
    error: nats.string('error'),
    issuerAccount: nats.string('issuer_account'),
  };
}

export function validateAuthorizationResponse(response: AuthorizationResponse, now: number): ClaimIssue[] {
  const { subject, audience, jwt, error, issuerAccount } = response;
  const issues: ClaimIssue[] = [];
  if (!isKeyOf(subject, 'user')) issues.push(claimError('Subject must be a user public key'));
  if (!isKeyOf(audience, 'server')) issues.push(claimError('Audience must be a server public key'));
  if (error === '' && jwt === '') issues.push(claimError('Error or Jwt is required'));
  if (error !== '' && jwt !== '') issues.push(claimError('Only Error or Jwt can be set'));
  if (issuerAccount !== '' && !isKeyOf(issuerAccount, 'account')) {
    issues.push(claimError('issuer_account is not an account public key'));
  }
  return [...issues, ...validateTimes(response, now)];
}
