import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  decodeJwt,
  encodeJwt,
  type JwtError,
  type JwtKind,
  MAX_TOKEN_SIZE,
  validateTimes,
} from '../../src/security/jwt.js';
import { NkeyPair } from '../../src/security/nkeys.js';
import { fixedKey, token } from '../support/auth-callout-service.js';

const account = NkeyPair.generate('account');
const operator = NkeyPair.generate('operator');
const server = NkeyPair.generate('server');
const user = NkeyPair.generate('user');
const NOW = 1_700_000_000_500;

const encode = (kind: JwtKind = 'user', signer = account, nats = {}) =>
  encodeJwt(kind, { subject: user.publicKey }, nats, signer, NOW);

/** A token of the parts as they are, signed over the first two, or over the second alone as version 1 had it. */
function signed(header: unknown, body: unknown, signer = account, old = false): string {
  const text = (part: unknown) =>
    Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url');
  const payload = `${text(header)}.${text(body)}`;
  const signature = signer.sign(Buffer.from(old ? text(body) : payload));
  return `${payload}.${signature.toString('base64url')}`;
}

const HEADER = { typ: 'JWT', alg: 'ed25519-nkey' };
const claims = { iss: account.publicKey, sub: 'x', nats: { type: 'user', version: 2 } };

/** Why a token is refused; empty when it is not. */
function problem(text: string): string {
  try {
    decodeJwt(text);
    return '';
  } catch (error) {
    assert.equal((error as JwtError).name, 'JwtError', String(error));
    return (error as JwtError).message;
  }
}

describe('JWT', () => {
  it('what is written can be read', () => {
    const text = encodeJwt(
      'user',
      { subject: user.publicKey, audience: 'APP', expires: 5, notBefore: 3, name: 'é<&>' },
      { pub: { allow: ['a'] } },
      account,
      NOW,
    );
    const { kind, version, claims, nats } = decodeJwt(text);
    assert.deepEqual([kind, version], ['user', 2]);
    assert.match(claims.id, /^[A-Z2-7]{52}$/);
    assert.deepEqual(claims, {
      ...{ audience: 'APP', expires: 5, id: claims.id, issuedAt: 1_700_000_000, issuer: account.publicKey },
      ...{ name: 'é<&>', notBefore: 3, subject: user.publicKey },
    });
    assert.deepEqual(nats.object('pub').strings('allow'), ['a']);
    assert.equal(problem(`${text}`), '');
  });

  it('is written like the official library does: the order of the fields, Go escapes, the id of the claims', () => {
    const text = encodeJwt('user', { subject: 'S', name: '<' }, { b: 1, a: undefined }, account, NOW);
    const [header, body] = text.split('.').map((part) => Buffer.from(part, 'base64url').toString());
    assert.equal(header, '{"typ":"JWT","alg":"ed25519-nkey"}');
    assert.match(
      body!,
      /^\{"jti":"\w{52}","iat":1700000000,"iss":"A\w{55}","name":"\\u003c","sub":"S","nats":\{"b":1,"type":"user","version":2\}\}$/,
    );
  });

  it('tokens made by other code can be read', () => {
    const text = token(fixedKey('account', 1), { sub: 'x' }, 'user', { tags: ['a'] });
    assert.deepEqual(decodeJwt(text).nats.strings('tags'), ['a']);
  });

  it('each kind has its issuers', () => {
    const all = { account, operator, server, user };
    const allowed: Record<JwtKind, (keyof typeof all)[]> = {
      operator: ['operator'],
      account: ['account', 'operator'],
      user: ['account'],
      activation: ['account', 'operator'],
      authorization_request: ['server'],
      authorization_response: ['account'],
      generic: ['account', 'operator', 'server', 'user'],
    };
    for (const [kind, roles] of Object.entries(allowed) as [JwtKind, string[]][]) {
      for (const [role, signer] of Object.entries(all)) {
        const expected = roles.includes(role)
          ? ''
          : `unable to validate expected prefixes - [${roles.join(' ')}]`;
        assert.equal(problem(encode(kind, signer)), expected, `${kind} by ${role}`);
      }
    }
    assert.equal(decodeJwt(encode('weather' as JwtKind)).kind, 'generic');
  });

  it('bad tokens are refused in the official words', () => {
    const good = encode();
    const [header, body, signature] = good.split('.') as [string, string, string];
    const cases: [string, string | RegExp][] = [
      ['', 'expected 3 chunks'],
      ['a.b', 'expected 3 chunks'],
      [`${good}.x`, 'expected 3 chunks'],
      [`!${good}`, 'illegal base64 data at input byte 0'],
      [`${header}.${body}=.${signature}`, `illegal base64 data at input byte ${body.length}`],
      [`a.${body}.${signature}`, 'illegal base64 data at input byte 0'],
      [`${header}.${body}.${signature.slice(0, -4)}`, 'claim failed V2 signature verification'],
      [`${header}.${body}.`, 'claim failed V2 signature verification'],
      [signed('{', claims), /^invalid JSON: /],
      [signed([], claims), 'wrong type of JSON value: a list, not an object'],
      [signed({}, claims), 'not supported type ""'],
      [signed({ typ: 'JWT' }, claims), 'unexpected "" algorithm'],
      [signed({ typ: 'JWT', alg: 'none' }, claims), 'unexpected "none" algorithm'],
      [signed({ typ: 'JWT', alg: 'HS256' }, claims), 'unexpected "HS256" algorithm'],
      [signed({ TYP: 'jwt', Alg: 'ED25519' }, claims), ''],
      [signed(HEADER, '{"a":'), /^invalid JSON: /],
      [signed(HEADER, 'x'), /^invalid JSON: /],
      [signed(HEADER, '1'), 'wrong type of JSON value: number, not an object'],
      [signed(HEADER, 'null'), 'claim failed V1 signature verification'],
      [signed(HEADER, { ...claims, nats: 1 }), 'wrong type of JSON value nats: number, not an object'],
      [signed(HEADER, { ...claims, exp: 'x' }), 'wrong type of JSON value exp: string, not an integer'],
      [signed(HEADER, { ...claims, exp: 1.5 }), 'wrong type of JSON value exp: number, not an integer'],
      [signed(HEADER, { ...claims, sub: 1 }), 'wrong type of JSON value sub: number, not a string'],
      [signed(HEADER, { ...claims, nats: { version: 3 } }), 'JWT was generated by a newer version '],
      [signed(HEADER, { ...claims, nats: { type: 'cluster' } }), 'ClusterClaims are not supported'],
      [signed(HEADER, { ...claims, nats: { type: 'server' } }), 'ServerClaims are not supported'],
      [signed(HEADER, { ...claims, iss: 'x' }), 'claim failed V2 signature verification'],
      [signed(HEADER, { ...claims, iss: operator.publicKey }), 'claim failed V2 signature verification'],
      [signed(HEADER, claims, operator), 'claim failed V2 signature verification'],
      [signed(HEADER, claims, account, true), 'claim failed V2 signature verification'],
      [
        'x'.repeat(MAX_TOKEN_SIZE + 1),
        `token size ${MAX_TOKEN_SIZE + 1} exceeds maximum of ${MAX_TOKEN_SIZE} bytes: token too large`,
      ],
    ];
    for (const [text, expected] of cases) {
      const got = problem(text);
      if (typeof expected === 'string') assert.equal(got, expected, text.slice(0, 300));
      else assert.match(got, expected);
    }
  });

  it('version 1 has its kind at the top and signs the body alone', () => {
    const old = { iss: account.publicKey, sub: 'x', type: 'user', nats: {} };
    const { kind, version } = decodeJwt(signed({ typ: 'jwt', alg: 'ed25519' }, old, account, true));
    assert.deepEqual([kind, version], ['user', 1]);
    assert.equal(problem(signed(HEADER, old)), 'claim failed V1 signature verification');
  });

  it('no bit of a token can be changed', () => {
    const good = encode('user', account, { pub: { allow: ['a'] } });
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.constantFrom(...'AZaz09-_.'), (at, char) => {
        const changed = good.slice(0, at) + char + good.slice(at + 1);
        // The last character of a signature has bits that nobody reads.
        const same = Buffer.from(changed.split('.')[2] ?? '', 'base64url').equals(
          Buffer.from(good.split('.')[2]!, 'base64url'),
        );
        assert.equal(problem(changed) === '', changed === good || (same && at === good.length - 1));
      }),
    );
  });

  it('whatever comes is read or refused', () => {
    const json = fc.jsonValue({ maxDepth: 4 });
    const fields = ['aud', 'exp', 'iss', 'sub', 'nats', 'type', 'Nats', '__proto__'];
    const body = fc.dictionary(fc.constantFrom(...fields), json);
    fc.assert(fc.property(fc.string(), (text) => void problem(text)));
    fc.assert(fc.property(json, (value) => void problem(signed(HEADER, value))));
    fc.assert(
      fc.property(body, (value) => void problem(signed(HEADER, { ...value, iss: account.publicKey }))),
    );
    problem(signed(HEADER, `${'['.repeat(300_000)}${']'.repeat(300_000)}`));
    problem(signed(HEADER, `{"nats":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}}`));
  });

  it('times', () => {
    const at = (expires: number, notBefore: number) =>
      validateTimes({ ...decodeJwt(encode()).claims, expires, notBefore }, NOW).map(
        ({ description }) => description,
      );
    assert.deepEqual(at(0, 0), []);
    assert.deepEqual(at(1_700_000_000, 1_700_000_000), []);
    assert.deepEqual(at(1_699_999_999, 0), ['claim is expired']);
    assert.deepEqual(at(0, 1_700_000_001), ['claim is not yet valid']);
  });
});
