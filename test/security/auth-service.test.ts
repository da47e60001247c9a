// The question to an auth service and its answers, without a server: what the differential tests cannot see, because the official
// server differs there, or because time has to pass.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nkeys } from '@nats-io/nats-core';
import fc from 'fast-check';
import { type AuthorizationOptions, defaultOptions, type ServerOptions } from '../../src/config/options.js';
import { silentLog } from '../../src/runtime/log.js';
import { authCalloutErrors, CalloutAuthenticator } from '../../src/security/auth-callout.js';
import { AuthService, type Question } from '../../src/security/auth-service.js';
import type { AuthRequest, AuthResult, Credentials } from '../../src/security/authenticator.js';
import { BcryptWorker } from '../../src/security/bcrypt-worker.js';
import { ConfigAuthenticator } from '../../src/security/config-authenticator.js';
import { createServerIdentity, NkeyPair } from '../../src/security/nkeys.js';
import { SimulatedClock } from '../../src/sim/clock.js';
import {
  type Answer,
  answerTo,
  type CalloutRequest,
  fixedCurve,
  fixedKey,
  readRequest,
  token,
} from '../support/auth-callout-service.js';

const issuer = fixedKey('account', 1);
const identity = createServerIdentity();
const proxy = NkeyPair.generate('server');
const NONCE = 'abcdefghijklmno';

const base: AuthorizationOptions = {
  ...defaultOptions().authorization,
  users: [
    { username: 'auth', password: 'auth', account: 'AUTH' },
    { username: 'bob', password: 'bob', account: 'LAB', permissions: { publish: { allow: ['b'] } } },
    { username: 'proxied', password: 'p', account: 'AUTH', proxyRequired: true },
  ],
};

interface World {
  authenticator: CalloutAuthenticator;
  clock: SimulatedClock;
  warnings: string[];
  questions: Question[];
}

/** An authenticator whose service answers like this. */
function world(
  answer: (request: CalloutRequest) => Answer | Uint8Array | null,
  changes: Partial<ServerOptions> = {},
  callout: { xkey?: string; allowedAccounts?: string[]; authUsers?: string[]; account?: string } = {},
  ask?: (question: Question) => Promise<Uint8Array>,
): World {
  const options: ServerOptions = {
    ...defaultOptions(),
    accounts: [{ name: 'AUTH' }, { name: 'APP' }, { name: 'LAB' }],
    ...changes,
    authorization: {
      ...base,
      callout: {
        issuer: issuer.publicKey,
        account: 'AUTH',
        authUsers: ['auth'],
        allowedAccounts: [],
        ...callout,
      },
    },
  };
  const clock = new SimulatedClock();
  const warnings: string[] = [];
  const questions: Question[] = [];
  const service = new AuthService({
    callout: options.authorization.callout!,
    identity,
    clock,
    log: { ...silentLog, warn: (text: string) => void warnings.push(text) },
    server: () => ({ name: 'weft', host: 'localhost', version: '2', tags: [] }),
    timeout: 2000,
    ask: async (question) => {
      questions.push(question);
      if (ask !== undefined) return ask(question);
      const asked = question.header === null ? readRequest(question.payload) : ({} as CalloutRequest);
      const said = answer(asked);
      return said === null || said instanceof Uint8Array ? said : answerTo(asked, said, issuer);
    },
  });
  const configured = new ConfigAuthenticator(options, { bcrypt: new BcryptWorker(), implicitUser: null });
  const authenticator = new CalloutAuthenticator(
    configured,
    options.authorization.callout!,
    options,
    async () => service,
  );
  return { authenticator, clock, warnings, questions };
}

function request(connect: Credentials, more: Partial<AuthRequest> = {}): AuthRequest {
  return {
    ...{ connect, nonce: NONCE, connectionType: 'STANDARD', tlsPeer: null },
    ...{ remoteAddress: '10.1.2.3', remotePort: 4, ...more },
  };
}

/** `kind:name@account` of whoever got in, or the reason for refusal. */
function outcome(result: AuthResult): string {
  return result.ok ? `${result.user.kind}:${result.user.name}@${result.user.account}` : result.reason;
}

const who = request({ user: 'who' });
const seconds = (clock: SimulatedClock) => Math.floor(clock.now() / 1000);

describe('auth callout', () => {
  it('limits and networks in the token count', async () => {
    const { authenticator } = world(() => ({
      nats: { subs: 5, payload: 100, data: 7, src: ['10.0.0.0/8'] },
    }));
    const result = await authenticator.authenticate(who);
    assert.ok(result.ok);
    assert.deepEqual(result.user.delegation, { maxSubscriptions: 5, maxPayload: 100 });
    const elsewhere = world(() => ({ nats: { src: '192.168.0.0/16, 172.16.0.0/12' } }));
    assert.equal(outcome(await elsewhere.authenticator.authenticate(who)), 'Authentication Failure');
    assert.deepEqual(elsewhere.warnings, ['Authorized user on account "AUTH" not allowed from "10.1.2.3"']);
  });

  it('limits that are not there, or zero, limit nothing', async () => {
    for (const limits of [{ subs: 0, payload: 0 }, { subs: undefined, payload: undefined }, {}]) {
      const { authenticator } = world(() => ({ nats: limits }));
      const result = await authenticator.authenticate(who);
      assert.ok(result.ok);
      assert.deepEqual(result.user.delegation, { maxSubscriptions: -1, maxPayload: -1 });
    }
  });

  it('expiry is that of the token or the end of the window', async () => {
    const { authenticator, clock } = world((_) => ({ user: { exp: seconds(clock) + 60 } }));
    const result = await authenticator.authenticate(who);
    assert.ok(result.ok);
    assert.equal(result.user.expires, clock.now() + 60_000);
    const at = (offset: number) => new Date(clock.now() + offset).toISOString().slice(11, 19);
    const times = [{ start: at(-10_000), end: at(30_000) }];
    for (const [exp, expected] of [
      [60, 30_000],
      [20, 20_000],
      [undefined, 30_000],
    ] as const) {
      const windowed = world(() => ({
        user: exp === undefined ? {} : { exp: seconds(clock) + exp },
        nats: { times, times_location: 'UTC' },
      }));
      const inside = await windowed.authenticator.authenticate(who);
      assert.ok(inside.ok, windowed.warnings.join());
      assert.ok(Math.abs(inside.user.expires! - windowed.clock.now() - expected) < 1000);
    }
  });

  it('users of equal permissions share them', async () => {
    const { authenticator } = world(({ nats }) => ({
      nats: { pub: { allow: [nats.connect_opts.user === 'c' ? 'c' : 'a'] } },
    }));
    const permissions = [];
    for (const user of ['a', 'b', 'c']) {
      const result = await authenticator.authenticate(request({ user }));
      assert.ok(result.ok);
      permissions.push(result.user.permissions);
    }
    assert.equal(permissions[0], permissions[1]);
    assert.notEqual(permissions[0], permissions[2]);
  });

  it('subjects that are none are refused, not left out', async () => {
    const { authenticator, warnings } = world(() => ({ nats: { pub: { deny: ['a.>.b'] } } }));
    assert.equal(outcome(await authenticator.authenticate(who)), 'Authentication Failure');
    assert.deepEqual(warnings, [
      'Error validating user JWT: publish deny: subject "a.>.b" is not a valid subject',
    ]);
  });

  it('its own users are not asked about, whether their passwords are right or wrong', async () => {
    const { authenticator, questions } = world(() => ({}));
    const right = await authenticator.authenticate(request({ user: 'auth', pass: 'auth' }));
    const wrong = await authenticator.authenticate(request({ user: 'auth', pass: 'x' }));
    assert.equal(outcome(right), 'user:auth@AUTH');
    assert.equal(outcome(wrong), 'Authentication Failure');
    assert.ok(right.ok && right.user.permissions?.mayPublish('$SYS.REQ.USER.AUTH') === false);
    assert.equal(questions.length, 0);
  });

  it('nobody in its account may ask in the name of the server', async () => {
    const { authenticator } = world(() => ({ user: { aud: 'AUTH' }, nats: { pub: { allow: ['>'] } } }));
    const result = await authenticator.authenticate(who);
    assert.ok(result.ok);
    assert.equal(result.user.permissions?.mayPublish('$SYS.REQ.USER.AUTH'), false);
    assert.equal(result.user.permissions?.mayPublish('$SYS.REQ.USER'), true);
  });

  it('users of accounts that are not delegated are not asked about', async () => {
    const { authenticator, questions } = world(() => ({}), {}, { allowedAccounts: ['APP'] });
    const result = await authenticator.authenticate(request({ user: 'bob', pass: 'bob' }));
    assert.equal(outcome(result), 'user:bob@LAB');
    assert.equal(questions.length, 0);
    // Who is not known to be of such an account is asked about.
    assert.equal(
      outcome(await authenticator.authenticate(request({ user: 'bob', pass: 'x' }))),
      'user:bob@APP',
    );
  });

  it('a proxy that has to be is looked for before anybody is asked', async () => {
    const options = { trustedProxies: [proxy.publicKey] };
    const { authenticator, questions } = world(() => ({ nats: { proxy_required: true } }), options);
    const sig = proxy.sign(Buffer.from(NONCE)).toString('base64url');
    const outcomes = [];
    for (const connect of [
      { user: 'proxied', pass: 'p' },
      { user: 'who', proxy_sig: 'AAAA' },
      { user: 'who' },
      { user: 'who', proxy_sig: sig },
    ]) {
      outcomes.push(outcome(await authenticator.authenticate(request(connect))));
    }
    assert.deepEqual(outcomes, ['Proxy Required', 'Proxy Not Trusted', 'Proxy Required', 'user:who@APP']);
    assert.equal(questions.length, 2);
  });

  it('a reload asks nobody again', async () => {
    const first = world(() => ({ user: { name: 'Alice', exp: seconds(first.clock) + 100 } }));
    const result = await first.authenticator.authenticate(who);
    assert.ok(result.ok);
    const next = world(() => null);
    const renewed = await next.authenticator.renew(result.user, who);
    assert.ok(renewed.ok);
    assert.deepEqual(
      [outcome(renewed), renewed.user.expires, renewed.user.label],
      ['user:Alice@APP', result.user.expires, 'Alice'],
    );
    const without = world(() => null, { accounts: [{ name: 'AUTH' }, { name: 'LAB' }] });
    assert.equal(outcome(await without.authenticator.renew(result.user, who)), 'Authentication Failure');
    const own = await first.authenticator.authenticate(request({ user: 'auth', pass: 'auth' }));
    assert.ok(own.ok);
    const again = await next.authenticator.renew(own.user, request({ user: 'auth', pass: 'auth' }));
    assert.ok(again.ok);
    assert.equal(again.user.permissions?.mayPublish('$SYS.REQ.USER.AUTH'), false);
    assert.equal(first.questions.length + next.questions.length, 1);
  });

  it('answers that do not hold are refused, and the account of the service hears why', async () => {
    const other = fixedKey('user', 5).publicKey;
    const wanted = issuer.publicKey;
    const stranger = fixedKey('account', 2);
    const past = 1_000_000;
    const cases: [Answer, string | RegExp][] = [
      [{ raw: '' }, 'Auth callout violation: "no reason supplied" on account "AUTH"'],
      [{ raw: 'x' }, 'Expected 3 chunks'],
      [{ header: { typ: 'JWT', alg: 'none' } }, 'Unexpected "none" algorithm'],
      [{ responseNats: { error: 'go away' } }, 'Auth callout service returned an error: go away'],
      [{ responseNats: {} }, 'Authorization response had validation errors: Error or Jwt is required'],
      [
        { responseNats: { jwt: 'x', error: 'x' } },
        'Authorization response had validation errors: Only Error or Jwt can be set',
      ],
      [
        { response: { sub: 'x' } },
        'Authorization response had validation errors: Subject must be a user public key',
      ],
      [
        { response: { aud: other } },
        'Authorization response had validation errors: Audience must be a server public key',
      ],
      [{ response: { exp: past } }, 'Authorization response had validation errors: claim is expired'],
      [
        { response: { sub: other } },
        'Auth callout violation: auth callout response is not for expected user',
      ],
      [
        { response: { aud: fixedKey('server', 5).publicKey } },
        'Auth callout violation: auth callout response is not for server',
      ],
      [{ responseSigner: stranger }, 'Auth callout signing key is unknown'],
      [{ responseSigner: fixedKey('user', 2) }, 'Unable to validate expected prefixes - [account]'],
      [{ response: { iss: wanted }, responseSigner: stranger }, 'Claim failed V2 signature verification'],
      [{ user: { iss: wanted }, userSigner: stranger }, 'Claim failed V2 signature verification'],
      [
        { userSigner: stranger },
        `Wrong issuer for auth callout response on account "AUTH", expected "${wanted}" got "${stranger.publicKey}"`,
      ],
      [{ user: { sub: other } }, /^Expected authorized user of "U\w+" but got "U\w+" on account "AUTH"$/],
      [{ user: { exp: past } }, 'Error validating user JWT: claim is expired'],
      [
        { user: { aud: 'NOPE' } },
        'No valid account "NOPE" for auth callout response on account "AUTH": account missing',
      ],
      [
        { nats: { issuer_account: wanted } },
        'Error non operator mode account "AUTH": attempted to use issuer_account',
      ],
      [
        { nats: { allowed_connection_types: ['MQTT'] } },
        'Authorized user on account "AUTH" not allowed to use connection type',
      ],
      [
        { nats: { times: [{ start: '00:00:00', end: '00:00:00' }] } },
        'Authorized user on account "AUTH" outside of valid connect times',
      ],
      [{ jwt: token(issuer, { sub: other }, 'account', {}) }, 'Not user claim'],
      [{ raw: token(issuer, { sub: other }, 'user', {}) }, 'Not an authorization request claim'],
    ];
    for (const [answer, expected] of cases) {
      const { authenticator, warnings } = world(() => answer);
      const result = await authenticator.authenticate(who);
      assert.ok(!result.ok, String(expected));
      assert.deepEqual(result.told, { account: 'AUTH', reason: warnings[0] });
      if (typeof expected === 'string') assert.deepEqual(warnings, [expected]);
      else assert.match(warnings[0]!, expected);
    }
  });

  it('encrypted both ways; what others have encrypted, or nobody, is refused', async () => {
    const curve = fixedCurve(3);
    const xkey = curve.getPublicKey();
    const outcomes: string[] = [];
    const requests: string[] = [];
    let answer: Answer = {};
    const { authenticator, warnings, questions } = world(
      () => null,
      {},
      { xkey },
      async (question) => {
        const sender = /^NATS\/1\.0\r\nNats-Server-Xkey: (X\w{55})\r\n\r\n$/.exec(
          String(question.header),
        )![1]!;
        const asked = readRequest(curve.open(question.payload, sender)!, true);
        requests.push(asked.nats.server_id.xkey!);
        return answerTo(asked, answer, issuer, curve);
      },
    );
    for (answer of [
      { seal: true },
      {},
      // Who can encrypt for the server with the key of the service is the service.
      { seal: true, responseSigner: fixedKey('account', 2) },
      { seal: fixedCurve(4) },
      { responseSigner: fixedKey('account', 2) },
      { seal: true, userSigner: fixedKey('account', 2) },
    ]) {
      outcomes.push(outcome(await authenticator.authenticate(who)));
    }
    const failed = 'Authentication Failure';
    assert.deepEqual(outcomes, [...Array(3).fill('user:who@APP'), failed, failed, failed]);
    assert.deepEqual(requests, Array(6).fill(identity.xkey));
    assert.deepEqual(warnings.slice(0, 2), [
      'Error decrypting auth callout response on account "AUTH": nkeys: could not decrypt input',
      'Auth callout signing key is unknown',
    ]);
    assert.ok(!questions.some(({ payload }) => Buffer.from(payload).includes('eyJ')));
  });

  it('no answer, and no account to ask in', async () => {
    const silent = world(() => null);
    assert.equal(outcome(await silent.authenticator.authenticate(who)), 'Authentication Failure');
    assert.deepEqual(silent.warnings, []);
    const lost = world(() => ({}), {}, { account: 'NOWHERE' });
    assert.equal(outcome(await lost.authenticator.authenticate(who)), 'Authentication Failure');
    assert.deepEqual(lost.warnings, ['No valid account "NOWHERE" for auth callout request: account missing']);
    assert.equal(lost.questions.length, 0);
  });

  it('whatever the service says is an answer or a refusal', async () => {
    const text = fc.oneof(
      fc.string(),
      fc.string().map((end) => `eyJ${end}`),
      fc.string().map((end) => `xkv1${end}`),
    );
    const xkey = nkeys.createCurve().getPublicKey();
    for (const callout of [{}, { xkey }]) {
      await fc.assert(
        fc.asyncProperty(text, async (said) => {
          const { authenticator } = world(() => Buffer.from(said), {}, callout);
          assert.equal(outcome(await authenticator.authenticate(who)), 'Authentication Failure');
        }),
        { numRuns: 50 },
      );
    }
    const nats = fc.dictionary(
      fc.constantFrom(
        'pub',
        'sub',
        'resp',
        'src',
        'times',
        'times_location',
        'subs',
        'allowed_connection_types',
      ),
      fc.jsonValue({ maxDepth: 3 }),
    );
    await fc.assert(
      fc.asyncProperty(nats, async (fields) => {
        const { authenticator } = world(() => ({ nats: fields }));
        const got = outcome(await authenticator.authenticate(who));
        assert.ok(got === 'user:who@APP' || got === 'Authentication Failure', got);
      }),
      { numRuns: 200 },
    );
  });

  it('what an operator should hear of', () => {
    const options = (account: string, authUsers: string[]): ServerOptions => ({
      ...defaultOptions(),
      accounts: [{ name: 'AUTH' }],
      authorization: { ...base, callout: { issuer: 'A', account, authUsers, allowedAccounts: [] } },
    });
    assert.deepEqual(authCalloutErrors(options('AUTH', ['auth'])), []);
    assert.deepEqual(authCalloutErrors(options('$G', ['other'])), [
      'Authorization callout user "other" not valid: <nil>',
    ]);
    assert.deepEqual(authCalloutErrors(options('NOPE', ['auth', 'other'])), [
      'Authorization callout account "NOPE" not valid',
      'Authorization callout user "other" not valid: account missing',
    ]);
  });
});
