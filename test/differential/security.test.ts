// Who may connect: passwords, tokens, nkeys, users without credentials, kinds of connections, time to say who one is.
import { UserKey } from '../support/nkeys.js';
import { differential } from './pair.js';
import {
  type Bytes,
  type Case,
  closed,
  connect,
  look,
  one,
  open,
  pub,
  script,
  send,
  sync,
} from './transcript.js';

const me = (user: string, pass: string, more = {}) => connect({ user, pass, ...more });
const use = `SUB foo 1\r\n${pub('foo', 'x')}`;
/** `secret`, hashed at the lowest cost. */
const HASH = 'qTDsQfchFiFo5poCLZ2.FOJCKy0w2KkMkxrLCrJSvLb74AAFYg/Ny';

/** What every server that wants credentials must answer to those who have none. */
const strangers: Case[] = [
  script('INFO asks for credentials', open('A')),
  one('nothing but PING', ''),
  one('CONNECT without credentials', connect(), use),
  one('CONNECT without credentials, verbose', connect({ verbose: true }), use),
  one('PUB first', pub('foo', 'x')),
  one('SUB first', 'SUB foo 1\r\n'),
  one('an unknown byte first', 'x'),
  one('INFO first', 'INFO {}\r\n'),
  one('+OK first', '+OK\r\n'),
  one('a verb that begins like CONNECT', 'COPY\r\n'),
  one('CONNECT with broken JSON', 'CONNECT {\r\n'),
  one('an unknown user', me('nobody', 'secret'), use),
  one('a wrong password', me('alice', 'wrong'), use),
  one('an empty password', me('alice', ''), use),
  one('a user without a password', connect({ user: 'alice' }), use),
  one('a password without a user', connect({ pass: 'secret' }), use),
  one('a wrong token', connect({ auth_token: 'wrong' }), use),
  one('a token and no user', connect({ auth_token: 'secret' }), use),
  one('the user name in another case', me('Alice', 'secret'), use),
  one('a wrong user in protocol 1', me('nobody', 'x', { protocol: 1 }), use),
  one('a bad protocol and no credentials', connect({ protocol: 9 })),
];

differential('one user and password', 'authorization { user: alice, password: secret }', [
  ...strangers,
  one('right', me('alice', 'secret', { protocol: 1 }), use),
  one('right, verbose', me('alice', 'secret', { verbose: true }), use),
  one('a second CONNECT, right again', me('alice', 'secret'), me('alice', 'secret', { verbose: true }), use),
  one('a second CONNECT, wrong', me('alice', 'secret'), me('alice', 'wrong'), use),
  one('a second CONNECT keeps the credentials', me('alice', 'secret'), 'CONNECT {}\r\n', use),
  one('right, with a bad protocol', me('alice', 'secret', { protocol: 9 })),
  script(
    'connz names the user',
    send('A', me('alice', 'secret')),
    sync('A'),
    look<{ connections: Record<string, unknown>[] }>('connz', '/connz?auth=1&cid={A}', ({ connections }) =>
      connections.map(({ authorized_user, account }) => ({ authorized_user, account })),
    ),
  ),
]);

differential('a token', 'authorization { token: secret }', [
  ...strangers,
  one('right', connect({ auth_token: 'secret', protocol: 1 }), use),
  one('a token in the password', connect({ pass: 'secret' })),
  one('a longer token', connect({ auth_token: 'secret2' }), use),
  one('a shorter token', connect({ auth_token: 'secre' }), use),
]);

differential(
  'hashed passwords',
  `authorization { users [{user: alice, password: "$2a$04$${HASH}"}, {user: bob, password: "$2b$04$${HASH}"}] }`,
  [
    one('right', me('alice', 'secret'), use),
    one('right with the other kind of hash', me('bob', 'secret'), use),
    one('wrong', me('alice', 'wrong'), use),
    one('the hash itself', me('alice', `$2a$04$${HASH}`), use),
    one('empty', me('alice', ''), use),
  ],
);

differential('a hashed token', `authorization { token: "$2a$04$${HASH}" }`, [
  one('right', connect({ auth_token: 'secret' }), use),
  one('wrong', connect({ auth_token: 'wrong' }), use),
]);

differential(
  'several users',
  'authorization { users [{user: alice, password: secret}, {user: bob, password: other}] }',
  [
    ...strangers,
    one('the first', me('alice', 'secret', { protocol: 1 }), use),
    one('the second', me('bob', 'other', { protocol: 1 }), use),
    one('one user with the password of another', me('bob', 'secret'), use),
    script(
      'two users hear each other',
      send('A', me('alice', 'secret'), 'SUB foo 1\r\n'),
      send('B', me('bob', 'other'), pub('foo', 'x')),
    ),
    one(
      'from one user to another',
      me('alice', 'secret'),
      'SUB foo 1\r\n',
      me('bob', 'other'),
      pub('foo', 'x'),
    ),
  ],
);

const alice = new UserKey(7);
const bob = new UserKey(8);

/** CONNECT signed with a key. `change` makes a wrong signature of a right one. */
function signed(
  key: UserKey,
  change: (signature: Buffer) => string = (signature) => signature.toString('base64url'),
  more = {},
): Bytes {
  return (client) =>
    connect({ nkey: key.publicKey, sig: change(key.sign(String(client.info.nonce))), ...more });
}

differential(
  'nkeys',
  `authorization { users [{nkey: ${alice.publicKey}}, {user: carol, password: secret}] }`,
  [
    script('INFO has a nonce', open('A')),
    one('right', signed(alice, undefined, { protocol: 1 }), use),
    one(
      'right, in plain base64',
      signed(alice, (signature) => signature.toString('base64')),
      use,
    ),
    one('right, verbose', signed(alice, undefined, { verbose: true }), use),
    one('a key nobody knows', signed(bob), use),
    one(
      'a signature of another nonce',
      connect({ nkey: alice.publicKey, sig: alice.sign('x').toString('base64url') }),
      use,
    ),
    one(
      'a signature cut short',
      signed(alice, (signature) => signature.subarray(1).toString('base64url')),
      use,
    ),
    one(
      'a signature that is not base64',
      signed(alice, () => '***'),
      use,
    ),
    one(
      'an empty signature',
      signed(alice, () => ''),
      use,
    ),
    one('no signature', connect({ nkey: alice.publicKey }), use),
    one(
      'a signature and no key',
      (client) => connect({ sig: alice.sign(String(client.info.nonce)).toString('base64url') }),
      use,
    ),
    one(
      'a key that is no key',
      (client) => connect({ nkey: 'UABC', sig: alice.sign(String(client.info.nonce)).toString('base64url') }),
      use,
    ),
    one(
      'signed by somebody else',
      (client) =>
        connect({ nkey: alice.publicKey, sig: bob.sign(String(client.info.nonce)).toString('base64url') }),
      use,
    ),
    one('a password beside keys', me('carol', 'secret'), use),
    one('a wrong password beside keys', me('carol', 'wrong'), use),
    one(
      'a key and a password, the password is right',
      me('carol', 'secret', { nkey: bob.publicKey, sig: 'x' }),
      use,
    ),
    one('nothing', connect(), use),
    script(
      'connz names the key',
      send('A', signed(alice)),
      sync('A'),
      look<{ connections: Record<string, unknown>[] }>('connz', '/connz?auth=1&cid={A}', ({ connections }) =>
        connections.map(({ authorized_user, account }) => ({ authorized_user, account })),
      ),
    ),
  ],
);

differential(
  'no_auth_user',
  `no_auth_user: guest
   authorization { users [
     {user: guest, password: guest, permissions: {publish: "foo", subscribe: "foo"}}
     {user: alice, password: secret}
   ] }`,
  [
    ...strangers,
    one('the guest may do little', connect(), 'SUB bar 1\r\n', pub('bar', 'x')),
    one('the guest without CONNECT', 'SUB bar 1\r\n', use),
    one('without CONNECT, in protocol 1', 'PING\r\n', connect({ protocol: 1 }), use),
    one('the guest by name', me('guest', 'guest', { protocol: 1 }), use),
    one('alice', me('alice', 'secret', { protocol: 1 }), 'SUB bar 1\r\n', pub('bar', 'x')),
    one(
      'alice after operations of the guest',
      'SUB foo 9\r\n',
      me('alice', 'secret'),
      'SUB bar 1\r\n',
      pub('bar', 'x'),
      pub('foo', 'x'),
    ),
  ],
);

differential(
  'kinds of connections',
  `authorization { users [
     {user: std, password: x, allowed_connection_types: ["STANDARD"]}
     {user: web, password: x, allowed_connection_types: ["WEBSOCKET"]}
     {user: both, password: x, allowed_connection_types: ["WEBSOCKET", "STANDARD", "MQTT"]}
     {user: lower, password: x, allowed_connection_types: ["standard"]}
     {user: leaf, password: x, allowed_connection_types: ["LEAFNODE"]}
   ] }`,
  ['std', 'web', 'both', 'lower', 'leaf'].map((user) => one(user, me(user, 'x'), use)),
);

differential(
  'no_auth_user of another kind',
  `no_auth_user: web
   authorization { users [{user: web, password: x, allowed_connection_types: ["WEBSOCKET"]}] }`,
  [one('CONNECT', connect(), use), one('no CONNECT', use)],
);

differential('time to authenticate', 'authorization { user: alice, password: secret, timeout: 0.3 }', [
  script('silence', closed('A')),
  script('half a CONNECT', closed('A', 'CONNECT {"user":"ali')),
  script('three at once', open('A'), open('B'), closed('A'), closed('B')),
  one('in time', me('alice', 'secret'), use),
  script('in time, and then slow', send('A', me('alice', 'secret')), closed('B'), send('A', use)),
]);

differential(
  'accounts',
  `accounts {
     A { users [{user: a, password: x}, {user: a2, password: x}] }
     B { users [{user: b, password: x}] }
     L { users [{user: l, password: x}], limits { max_connections: 1, max_subscriptions: 2, max_payload: 10 } }
   }`,
  [
    ...strangers.slice(0, 6),
    one('the account in INFO', me('a', 'x', { protocol: 1 }), use),
    script(
      'one account does not hear the other',
      send('A', me('a', 'x'), 'SUB foo 1\r\n'),
      send('B', me('b', 'x'), 'SUB foo 1\r\n', pub('foo', 'from b')),
    ),
    script(
      'users of one account hear each other',
      send('A', me('a', 'x'), 'SUB foo 1\r\n'),
      send('B', me('a2', 'x'), pub('foo', 'x')),
    ),
    script(
      'queues do not mix',
      send('A', me('a', 'x'), 'SUB foo q 1\r\n'),
      send('B', me('b', 'x'), 'SUB foo q 1\r\n', pub('foo', 'x').repeat(4)),
    ),
    one(
      'moving to another account',
      me('a', 'x', { protocol: 1 }),
      'SUB foo 1\r\n',
      me('b', 'x', { protocol: 1 }),
      use,
    ),
    script(
      'no responders in the own account',
      send('A', me('a', 'x'), 'SUB ask 1\r\n'),
      send(
        'B',
        me('b', 'x', { headers: true, no_responders: true }),
        'SUB back 1\r\n',
        pub('ask', 'x', 'back'),
      ),
    ),
    script(
      'connz names the account',
      send('A', me('a', 'x')),
      sync('A'),
      look<{ connections: Record<string, unknown>[] }>('connz', '/connz?auth=1&cid={A}', ({ connections }) =>
        connections.map(({ authorized_user, account }) => ({ authorized_user, account })),
      ),
    ),
  ],
);
