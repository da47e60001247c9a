import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Permissions } from '../../src/security/permissions.js';
import {
  connectionTypesOfClaims,
  decodeUserJwt,
  permissionsOfClaims,
  validateUserClaims,
} from '../../src/security/user-claims.js';
import { fixedKey, token } from '../support/auth-callout-service.js';

const account = fixedKey('account', 1);
const NOW = 1_700_000_000_000;

const user = (nats: Record<string, unknown> = {}, claims: Record<string, unknown> = {}) =>
  decodeUserJwt(token(account, { sub: 'U', ...claims }, 'user', nats));
const problems = (nats: Record<string, unknown>) =>
  validateUserClaims(user(nats), NOW).map(({ description }) => description);

test('all fields', () => {
  const claims = user(
    {
      pub: { allow: ['a'], deny: ['b'] },
      sub: { allow: ['c q'] },
      resp: { max: -5, ttl: 1_500_000_000 },
      src: ['10.0.0.0/8'],
      times: [{ start: '01:00:00', end: '02:00:00' }],
      times_location: 'UTC',
      subs: 1,
      data: 2,
      payload: 3,
      bearer_token: true,
      proxy_required: true,
      allowed_connection_types: ['mqtt'],
      issuer_account: 'A',
      tags: ['a:b'],
    },
    { aud: 'APP', exp: 5, nbf: 4, name: 'n' },
  );
  const { id, issuedAt, ...rest } = claims;
  assert.deepEqual(rest, {
    ...{ audience: 'APP', expires: 5, issuer: account.publicKey, name: 'n', notBefore: 4, subject: 'U' },
    publish: { allow: ['a'], deny: ['b'] },
    subscribe: { allow: ['c q'], deny: undefined },
    responses: { maxMsgs: -1, expires: 1500 },
    sources: ['10.0.0.0/8'],
    times: [{ start: '01:00:00', end: '02:00:00' }],
    ...{ timesLocation: 'UTC', maxSubscriptions: 1, maxData: 2, maxPayload: 3, bearer: true },
    ...{ proxyRequired: true, allowedConnectionTypes: ['mqtt'], issuerAccount: 'A', tags: ['a:b'] },
  });
});

test('an empty token, and one of version 1', () => {
  const { maxSubscriptions, maxData, maxPayload, responses, times } = user();
  assert.deepEqual([maxSubscriptions, maxData, maxPayload, responses, times], [0, 0, 0, null, []]);
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const body = encode({
    ...{ iss: account.publicKey, sub: 'U', type: 'user', issuer_account: 'A', tags: ['t'] },
    nats: { sub: { deny: ['x'] }, src: ' 10.0.0.0/8,FD00::/8, ' },
  });
  const signature = account.sign(body).toString('base64url');
  const old = decodeUserJwt(`${encode({ typ: 'jwt', alg: 'ed25519' })}.${body}.${signature}`);
  assert.deepEqual([old.maxSubscriptions, old.maxPayload, old.issuerAccount, old.tags], [-1, -1, 'A', ['t']]);
  assert.deepEqual(old.sources, ['10.0.0.0/8', 'fd00::/8']);
});

test('what is no user', () => {
  const other = token(account, { sub: 'U' }, 'authorization_response', {});
  assert.throws(() => decodeUserJwt(other), { message: 'not user claim' });
});

test('permissions', () => {
  assert.equal(permissionsOfClaims(user()), null);
  assert.equal(permissionsOfClaims(user({ pub: { allow: [], deny: [] }, sub: {} })), null);
  const open = permissionsOfClaims(user({ pub: { deny: ['x'] } }))!;
  assert.deepEqual(open, { publish: { deny: ['x'] } });
  // A list that is there and empty, beside another one, allows nothing.
  const closed = permissionsOfClaims(user({ pub: { allow: [], deny: ['x'] } }))!;
  assert.equal(new Permissions(open).mayPublish('a'), true);
  assert.equal(new Permissions(closed).mayPublish('a'), false);
  // Inside, subjects are one char per byte.
  assert.deepEqual(permissionsOfClaims(user({ sub: { allow: ['é'] } })), {
    subscribe: { allow: ['\xc3\xa9'] },
  });
  const { responses } = permissionsOfClaims(user({ resp: { max: 0, ttl: -1 } }))!;
  assert.deepEqual(responses, { maxMsgs: 0, expires: -1 });
  assert.deepEqual(new Permissions({ responses }).responses, { maxMsgs: 1, expires: -1 });
});

test('kinds of connections', () => {
  const types = (...names: string[]) => connectionTypesOfClaims(user({ allowed_connection_types: names }));
  assert.deepEqual(types(), []);
  assert.deepEqual(types('standard', 'pigeon', 'In_Process'), ['STANDARD', 'IN_PROCESS']);
  assert.equal(types('pigeon'), null);
});

test('what is wrong, in the order of the official library', () => {
  assert.deepEqual(problems({}), []);
  assert.deepEqual(
    problems({
      pub: { allow: ['a b', ''], deny: ['a b c'] },
      sub: { allow: ['a q', '.a', 'b.'], deny: ['a..b', ' q'] },
      src: ['x'],
      times: [
        { start: '', end: '' },
        { start: '1', end: '2' },
      ],
      times_location: 'Nowhere/City',
      issuer_account: 'x',
    }),
    [
      'subject ".a" cannot start or end with a `.`',
      'subject "b." cannot start or end with a `.`',
      'subject "a..b" cannot contain consecutive `.`',
      'subject cannot be empty',
      'Permission Subject "a b" is not allowed to contain queue',
      'subject cannot be empty',
      'Permission Subject "a b c" contains too many spaces',
      'invalid cidr "x" in user src limits',
      'time ranges start must contain a start',
      'time ranges end must contain an end',
      'start in time range is invalid "1"',
      'end in time range is invalid "2"',
      'could not parse iana time zone by name: unknown time zone Nowhere/City',
      'account_id is not an account public key',
    ],
  );
});
