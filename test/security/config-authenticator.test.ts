import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { type AuthorizationOptions, defaultOptions, type ServerOptions } from '../../src/config/options.js';
import type { TlsOptions } from '../../src/config/tls-options.js';
import {
  type AuthRequest,
  type AuthResult,
  type Credentials,
  UserIdentity,
} from '../../src/security/authenticator.js';
import { BcryptWorker } from '../../src/security/bcrypt-worker.js';
import { authenticationWarnings, ConfigAuthenticator } from '../../src/security/config-authenticator.js';
import { NkeyPair } from '../../src/security/nkeys.js';
import { readPeerCertificate } from '../../src/security/peer-certificate.js';
import { CertificateAuthority, type CertificateRequest } from '../support/certificates.js';

const NONCE = 'abcdefghijklmno';
const HASH = '$2a$04$tCftypGHYVTmL5VeZSueLeQ23b6TrJqrSYgz9oFj6ja/oxK5EMCou';
const bcrypt = new BcryptWorker();
const ann = NkeyPair.generate('user');
const ben = NkeyPair.generate('user');
const proxy = NkeyPair.generate('server');

type Changes = Partial<Omit<ServerOptions, 'authorization' | 'tls'>> & {
  authorization?: Partial<AuthorizationOptions>;
  tls?: Partial<TlsOptions>;
};

function optionsWith({ authorization, tls, ...changes }: Changes): ServerOptions {
  const defaults = defaultOptions();
  return {
    ...defaults,
    ...changes,
    authorization: { ...defaults.authorization, ...authorization },
    ...(tls && { tls: tls as TlsOptions }),
  };
}

function authenticator(changes: Changes, implicitUser?: string | null): ConfigAuthenticator {
  return new ConfigAuthenticator(optionsWith(changes), { bcrypt, implicitUser });
}

function request(connect: Credentials = {}, changes: Partial<AuthRequest> = {}): AuthRequest {
  return {
    connect,
    nonce: NONCE,
    connectionType: 'STANDARD',
    tlsPeer: null,
    remoteAddress: '127.0.0.1',
    remotePort: 1,
    ...changes,
  };
}

const sign = (pair: NkeyPair, encoding: 'base64url' | 'base64' = 'base64url'): string =>
  pair.sign(Buffer.from(NONCE)).toString(encoding);

/** `kind:name@account` of whoever got in, or the reason for refusal. */
function outcome(result: AuthResult | Promise<AuthResult>): string {
  assert.ok(!(result instanceof Promise), 'expected an answer at once');
  return result.ok ? `${result.user.kind}:${result.user.name}@${result.user.account}` : result.reason;
}

const FAILED = 'Authentication Failure';

describe('config authenticator', () => {
  after(() => bcrypt.close());

  it('without any user lets everybody in', () => {
    const open = authenticator({});
    assert.deepEqual([open.authRequired, open.infoAuthRequired, open.nonceRequired], [false, false, false]);
    assert.equal(outcome(open.authenticate(request())), 'none:@$G');
    assert.equal(outcome(open.authenticate(request({ user: 'any', pass: 'thing' }))), 'none:@$G');
    assert.equal(open.anonymous('STANDARD'), true);
    assert.equal(authenticator({ alwaysEnableNonce: true }).nonceRequired, true);
  });

  it('a single user', () => {
    const single = authenticator({ authorization: { username: 'bob', password: 's3cret' } });
    assert.equal(single.authRequired, true);
    assert.equal(outcome(single.authenticate(request({ user: 'bob', pass: 's3cret' }))), 'user:bob@$G');
    for (const connect of [
      {},
      { user: 'bob' },
      { user: 'bob', pass: 'x' },
      { user: 'eve', pass: 's3cret' },
      { pass: 's3cret' },
    ]) {
      assert.equal(outcome(single.authenticate(request(connect))), FAILED, JSON.stringify(connect));
    }
    assert.equal(single.anonymous('STANDARD'), false);
  });

  it('a token', () => {
    const token = authenticator({ authorization: { token: 't0ken' } });
    const result = token.authenticate(request({ auth_token: 't0ken' }));
    assert.equal(outcome(result), 'token:@$G');
    assert.ok(!(result instanceof Promise) && result.ok);
    assert.equal(result.user.label, '[REDACTED]');
    for (const connect of [{}, { auth_token: 'x' }, { user: 't0ken' }, { pass: 't0ken' }]) {
      assert.equal(outcome(token.authenticate(request(connect))), FAILED);
    }
  });

  it('bcrypt answers later, everything else at once', async () => {
    const users = authenticator({ authorization: { users: [{ username: 'bob', password: HASH }] } });
    const good = users.authenticate(request({ user: 'bob', pass: 's3cret' }));
    assert.ok(good instanceof Promise);
    assert.equal(outcome(await good), 'user:bob@$G');
    assert.equal(outcome(await users.authenticate(request({ user: 'bob', pass: 'x' }))), FAILED);
    assert.equal(outcome(users.authenticate(request({ user: 'eve', pass: 'x' }))), FAILED);
    const token = authenticator({ authorization: { token: HASH } });
    assert.equal(outcome(await token.authenticate(request({ auth_token: 's3cret' }))), 'token:@$G');
  });

  it('users with accounts, permissions and connection types', () => {
    const many = authenticator({
      authorization: {
        defaultPermissions: { publish: { allow: ['default'] } },
        users: [
          { username: 'a', password: 'a' },
          { username: 'b', password: 'b', account: 'B', permissions: { publish: { deny: ['x'] } } },
          { username: 'c', password: 'c', account: 'C' },
          { username: 'w', password: 'w', allowedConnectionTypes: ['WEBSOCKET', 'IN_PROCESS'] },
        ],
      },
    });
    const enter = (user: string, changes?: Partial<AuthRequest>) => {
      const result = many.authenticate(request({ user, pass: user }, changes));
      assert.ok(!(result instanceof Promise) && result.ok);
      return result.user;
    };
    assert.equal(enter('a').permissions?.mayPublish('other'), false);
    assert.equal(enter('a').permissions?.mayPublish('default'), true);
    assert.equal(enter('b').account, 'B');
    assert.equal(enter('b').permissions?.mayPublish('x'), false);
    assert.equal(enter('b').permissions?.mayPublish('other'), true);
    assert.equal(enter('c').permissions, null);
    assert.equal(enter('a').permissions, enter('a').permissions, 'compiled once');
    assert.equal(outcome(many.authenticate(request({ user: 'w', pass: 'w' }))), FAILED);
    assert.equal(enter('w', { connectionType: 'WEBSOCKET' }).name, 'w');
    assert.equal(outcome(many.authenticate(request({ user: 'a' }))), FAILED);
    assert.equal(outcome(many.authenticate(request())), FAILED);
  });

  it('nkeys', () => {
    const keys = authenticator({
      authorization: {
        users: [
          { nkey: ann.publicKey, account: 'A' },
          { username: 'bob', password: 'b' },
        ],
        defaultPermissions: { publish: { allow: ['default'] } },
      },
    });
    assert.equal(keys.nonceRequired, true);
    const nkey = ann.publicKey;
    const entered = `nkey:${nkey}@A`;
    assert.equal(outcome(keys.authenticate(request({ nkey, sig: sign(ann) }))), entered);
    assert.equal(outcome(keys.authenticate(request({ nkey, sig: sign(ann, 'base64') }))), entered);
    assert.equal(outcome(keys.authenticate(request({ nkey, sig: sign(ann), user: 'eve' }))), entered);
    const bad: Credentials[] = [
      { nkey },
      { nkey, sig: '!' },
      { nkey, sig: sign(ben) },
      { nkey: ben.publicKey, sig: sign(ben) },
      { nkey: 'UNKNOWN', user: 'bob', pass: 'b' },
    ];
    for (const connect of bad) assert.equal(outcome(keys.authenticate(request(connect))), FAILED);
    assert.equal(outcome(keys.authenticate(request({ nkey, sig: sign(ann) }, { nonce: 'other' }))), FAILED);
    assert.equal(outcome(keys.authenticate(request({ user: 'bob', pass: 'b' }))), 'user:bob@$G');
  });

  it('permissions of nkeys, their own and the default ones', () => {
    const keys = authenticator({
      authorization: {
        users: [
          {
            nkey: ann.publicKey,
            account: 'A',
            permissions: { subscribe: { allow: ['help'], deny: ['foo'] } },
          },
          { nkey: ben.publicKey },
        ],
        defaultPermissions: { publish: { allow: ['default'] } },
      },
    });
    const enter = (pair: NkeyPair) => {
      const result = keys.authenticate(request({ nkey: pair.publicKey, sig: sign(pair) }));
      assert.ok(!(result instanceof Promise) && result.ok);
      return result.user.permissions;
    };
    assert.deepEqual(
      ['help', 'foo', 'bar'].map((subject) => enter(ann)?.maySubscribe(subject)),
      [true, false, false],
    );
    assert.deepEqual(
      ['default', 'other'].map((subject) => enter(ben)?.mayPublish(subject)),
      [true, false],
    );
  });

  it('no_auth_user stands in for absent credentials only', () => {
    const users = [
      { username: 'guest', password: 'g', account: 'GUESTS' },
      { username: 'bob', password: 'b' },
      { nkey: ann.publicKey, account: 'KEYS' },
    ];
    const named = authenticator({ noAuthUser: 'guest', authorization: { users } });
    assert.deepEqual([named.authRequired, named.infoAuthRequired], [true, false]);
    assert.equal(outcome(named.authenticate(request())), 'user:guest@GUESTS');
    assert.equal(outcome(named.authenticate(request({ user: 'bob', pass: 'b' }))), 'user:bob@$G');
    for (const connect of [{ user: 'guest' }, { user: 'eve' }, { pass: 'g' }, { auth_token: 't' }]) {
      assert.equal(outcome(named.authenticate(request(connect))), FAILED, JSON.stringify(connect));
    }
    assert.equal(named.anonymous('STANDARD'), true);
    const keyed = authenticator({ noAuthUser: ann.publicKey, authorization: { users } });
    assert.equal(outcome(keyed.authenticate(request())), `nkey:${ann.publicKey}@KEYS`);
    assert.equal(keyed.anonymous('STANDARD'), false);
  });

  it('no_auth_user needs no proof even when its password is hashed, and heeds connection types', () => {
    const guest = { username: 'guest', password: HASH, allowedConnectionTypes: ['STANDARD' as const] };
    const auth = authenticator({ noAuthUser: 'guest', authorization: { users: [guest] } });
    assert.equal(outcome(auth.authenticate(request())), 'user:guest@$G');
    assert.equal(outcome(auth.authenticate(request({}, { connectionType: 'MQTT' }))), FAILED);
    assert.deepEqual([auth.anonymous('STANDARD'), auth.anonymous('MQTT')], [true, false]);
  });

  it('users of the system account alone leave the door open for the others', () => {
    const changes: Changes = {
      accounts: [{ name: '$SYS' }],
      authorization: { users: [{ username: 'admin', password: 'a', account: '$SYS' }] },
    };
    const auth = authenticator(changes);
    assert.match(auth.implicitUser!, /^nats-[0-9a-f]{8}$/);
    assert.equal(outcome(auth.authenticate(request())), `user:${auth.implicitUser}@$G`);
    assert.equal(outcome(auth.authenticate(request({ user: 'admin', pass: 'a' }))), 'user:admin@$SYS');
    assert.equal(outcome(auth.authenticate(request({ user: 'eve' }))), FAILED);
    assert.equal(auth.infoAuthRequired, true);
    assert.equal(authenticator(changes, auth.implicitUser).implicitUser, auth.implicitUser);
    const more = { ...changes, accounts: [{ name: '$SYS' }, { name: 'A' }] };
    assert.equal(outcome(authenticator(more).authenticate(request())), FAILED);
  });

  it('trusted proxies', () => {
    const trustedProxies = [NkeyPair.generate('server').publicKey, proxy.publicKey];
    const users = [
      { username: 'a', password: 'a', proxyRequired: true },
      { username: 'b', password: 'b' },
      { nkey: ann.publicKey, proxyRequired: true },
    ];
    const auth = authenticator({ trustedProxies, authorization: { users, proxyRequired: true } });
    assert.equal(auth.nonceRequired, true);
    const enter = (connect: Credentials) => outcome(auth.authenticate(request(connect)));
    assert.equal(enter({ user: 'a', pass: 'a' }), 'Proxy Required');
    assert.equal(enter({ user: 'a', pass: 'a', proxy_sig: sign(proxy) }), 'user:a@$G');
    assert.equal(enter({ user: 'a', pass: 'x', proxy_sig: sign(proxy) }), FAILED);
    assert.equal(enter({ user: 'a', pass: 'a', proxy_sig: sign(ann) }), 'Proxy Not Trusted');
    assert.equal(enter({ user: 'a', pass: 'a', proxy_sig: `${sign(proxy)}==` }), 'Proxy Not Trusted');
    assert.equal(enter({ user: 'b', pass: 'b' }), 'user:b@$G');
    assert.equal(enter({ nkey: ann.publicKey, sig: sign(ann) }), 'Proxy Required');
    const proxied = auth.authenticate(request({ user: 'b', pass: 'b', proxy_sig: sign(proxy) }));
    assert.ok(!(proxied instanceof Promise) && proxied.ok);
    assert.equal(proxied.user.trustedProxyKey, proxy.publicKey);
    const single = authenticator({ authorization: { username: 'u', password: 'p', proxyRequired: true } });
    assert.equal(outcome(single.authenticate(request({ user: 'u', pass: 'p' }))), 'Proxy Required');
    // Nobody is configured to trust, so the signature means nothing.
    assert.equal(outcome(authenticator({}).authenticate(request({ proxy_sig: 'x' }))), 'none:@$G');
  });

  describe('verify_and_map', () => {
    const authority = new CertificateAuthority();
    const peer = (certificate: CertificateRequest) => readPeerCertificate(authority.issue(certificate).der);
    const mapped = authenticator({
      tls: { verifyAndMap: true },
      authorization: {
        users: [
          { username: 'bob@example.com' },
          { username: 'svc.example.com' },
          { username: 'spiffe://example.com/x' },
          { username: 'CN=bob,O=Weft' },
          { username: 'O=Weft,OU=ops,CN=carl' },
          { username: 'CN=dora,DC=com,DC=example', password: 'd' },
          { username: 'ws@example.com', allowedConnectionTypes: ['WEBSOCKET'] },
        ],
      },
    });
    const enter = (certificate: CertificateRequest, connect: Credentials = {}) =>
      outcome(mapped.authenticate(request(connect, { tlsPeer: peer(certificate) })));

    it('takes the user from the certificate', () => {
      assert.equal(enter({ emails: ['x@y.z', 'bob@example.com'], subject: 'n' }), 'user:bob@example.com@$G');
      assert.equal(enter({ dnsNames: ['svc.example.com'], emails: ['x@y.z'] }), 'user:svc.example.com@$G');
      assert.equal(enter({ uris: ['spiffe://example.com/x'] }), 'user:spiffe://example.com/x@$G');
      assert.equal(enter({ subject: [{ O: 'Weft' }, { CN: 'bob' }] }), 'user:CN=bob,O=Weft@$G');
      assert.equal(enter({ subject: [{ CN: 'bob' }, { O: 'Weft' }] }), 'user:CN=bob,O=Weft@$G');
      assert.equal(
        enter({ subject: [{ OU: 'ops' }, { CN: 'carl' }, { O: 'Weft' }] }),
        'user:O=Weft,OU=ops,CN=carl@$G',
      );
      assert.equal(enter({ subject: [{ UID: 'x' }, { O: 'Weft' }, { CN: 'bob' }] }), 'user:CN=bob,O=Weft@$G');
    });

    it('refuses unknown names, other connection types and missing certificates', () => {
      assert.equal(enter({ subject: 'nobody' }), FAILED);
      assert.equal(enter({ emails: ['ws@example.com'] }), FAILED);
      assert.equal(outcome(mapped.authenticate(request())), FAILED);
    });

    it('wants the password too where there is one', () => {
      const subject: CertificateRequest['subject'] = [{ DC: 'com' }, { DC: 'example' }, { CN: 'dora' }];
      assert.equal(enter({ subject }), FAILED);
      assert.equal(enter({ subject }, { pass: 'd' }), 'user:CN=dora,DC=com,DC=example@$G');
    });

    it('warns when CONNECT has a user as well', () => {
      const tlsPeer = peer({ emails: ['bob@example.com'] });
      const result = mapped.authenticate(request({ user: 'x' }, { tlsPeer }));
      assert.ok(!(result instanceof Promise) && result.ok);
      assert.equal(result.warning, 'User "x" found in connect proto, but user required from cert');
    });

    it('a user without password does not get in on another listener without certificate', () => {
      const result = mapped.authenticate(request({ user: 'bob@example.com' }, { tlsMap: false }));
      assert.equal(outcome(result), FAILED);
    });
  });

  it('says what is wrong with the configuration', () => {
    assert.throws(() => authenticator({ noAuthUser: 'x' }), {
      message: 'no_auth_user: "x" present, but users/nkeys are not defined',
    });
    const users = [{ username: 'a', password: 'a' }];
    assert.throws(() => authenticator({ noAuthUser: 'x', authorization: { users } }), {
      message:
        'no_auth_user: "x" not present as user or nkey in authorization block or account configuration',
    });
    assert.throws(() => authenticator({ trustedProxies: ['x'] }), {
      message: 'proxy trusted key "x" is invalid',
    });
    assert.throws(
      () =>
        authenticator({
          authorization: { users: [{ username: 'a', permissions: { publish: { allow: ['.'] } } }] },
        }),
      { message: 'invalid permissions for user "a": publish allow: subject "." is not a valid subject' },
    );
    assert.throws(
      () => authenticator({ authorization: { users: [{ nkey: 'x' }] } }),
      /Not a valid public nkey/,
    );
  });

  it('warns about plain passwords', () => {
    const warnings = (changes: Changes) => authenticationWarnings(optionsWith(changes)).length;
    assert.equal(warnings({ authorization: { username: 'a', password: 'a' } }), 1);
    assert.equal(warnings({ authorization: { username: 'a', password: HASH } }), 0);
    assert.equal(warnings({ authorization: { users: [{ username: 'a', password: 'a' }] } }), 1);
    assert.equal(warnings({ authorization: { users: [{ nkey: ann.publicKey }] } }), 0);
    assert.equal(warnings({ authorization: { users: [{ username: 'a' }] } }), 1);
    assert.equal(warnings({ authorization: { users: [{ username: 'a' }] }, tls: { verifyAndMap: true } }), 0);
  });

  describe('reload', () => {
    const before = request({ user: 'bob', pass: 's3cret' });
    const withUsers = (...users: AuthorizationOptions['users']) =>
      authenticator({ authorization: { users } });
    const bob = async (): Promise<UserIdentity> => {
      const result = await withUsers({ username: 'bob', password: HASH }).authenticate(before);
      assert.ok(result.ok);
      return result.user;
    };

    it('an unchanged hash is not computed again', async () => {
      const next = withUsers({ username: 'bob', password: HASH, permissions: { publish: { allow: ['x'] } } });
      const result = next.renew(await bob(), before);
      assert.equal(outcome(result), 'user:bob@$G');
      assert.ok(!(result instanceof Promise) && result.ok);
      assert.equal(result.user.permissions?.mayPublish('y'), false);
    });

    it('a changed password is checked with what the client sent', async () => {
      const renewed = async (username: string, password: string) =>
        outcome(await withUsers({ username, password }).renew(await bob(), before));
      assert.equal(await renewed('bob', 's3cret'), 'user:bob@$G');
      assert.equal(await renewed('bob', 'new'), FAILED);
      assert.equal(await renewed('eve', HASH), FAILED);
    });

    it('the new identity has the new account', async () => {
      const next = withUsers({ username: 'bob', password: HASH, account: 'B' });
      assert.equal(outcome(await next.renew(await bob(), before)), 'user:bob@B');
    });

    it('what was proved for one user does not count for another', async () => {
      const forged = new UserIdentity({ kind: 'user', name: 'eve', verifiedSecret: 'new' });
      const next = withUsers({ username: 'bob', password: 'new' });
      assert.equal(outcome(await next.renew(forged, before)), FAILED);
    });
  });

  it('labels are what CONNECT claimed, an nkey before a user before a token', () => {
    const label = (connect: Credentials) => {
      const result = authenticator({}).authenticate(request(connect));
      assert.ok(!(result instanceof Promise) && result.ok);
      return result.user.label;
    };
    assert.equal(label({ nkey: 'UA', user: 'bob', auth_token: 't' }), 'UA');
    assert.equal(label({ user: 'bob', auth_token: 't' }), 'bob');
    assert.equal(label({ auth_token: 't' }), '[REDACTED]');
    assert.equal(label({}), '');
  });

  it('identities show no secrets', () => {
    const identity = new UserIdentity({ kind: 'user', name: 'bob', verifiedSecret: 's3cret' });
    assert.doesNotMatch(JSON.stringify(identity), /s3cret/);
    assert.equal(identity.description, 'User "bob"');
    assert.equal(new UserIdentity({ kind: 'token', name: '' }).description, 'Token "[REDACTED]"');
    assert.equal(new UserIdentity({ kind: 'none', name: '' }).description, 'User "N/A"');
    assert.equal(new UserIdentity({ kind: 'nkey', name: 'UA' }).description, 'Nkey "UA"');
  });
});
