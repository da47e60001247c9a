// Auth callout: the same service answers both servers, and what clients see of it must be the same. The name of the user picks the answer.
import { type Answer, CalloutService, fixedCurve, fixedKey, token } from '../support/auth-callout-service.js';
import { differential } from './pair.js';
import { type Case, closed, connect, look, one, open, pub, script, send, sync } from './transcript.js';

const issuer = fixedKey('account', 1);
const stranger = fixedKey('account', 2);
const curve = fixedCurve(3);
const otherCurve = fixedCurve(4);
const otherUser = fixedKey('user', 5).publicKey;
const otherServer = fixedKey('server', 6).publicKey;

const seconds = () => Math.floor(Date.now() / 1000);
const clock = (offset: number) => new Date(Date.now() + offset).toISOString().slice(11, 19);

/** What the service answers, by the user's name. */
const answers: Record<string, () => Answer> = {
  plain: () => ({}),
  named: () => ({ user: { name: 'Alice' } }),
  global: () => ({ user: { aud: '$G' } }),
  lab: () => ({ user: { aud: 'LAB' } }),
  auth: () => ({ user: { aud: 'AUTH' } }),
  system: () => ({ user: { aud: '$SYS' } }),
  nowhere: () => ({ user: { aud: 'NOWHERE' } }),
  'no account': () => ({ user: { aud: '' } }),
  limited: () => ({ nats: { pub: { allow: ['a.>'], deny: ['a.no'] }, sub: { allow: ['b.*', 'q.> w'] } } }),
  'deny only': () => ({ nats: { pub: { deny: ['x'] }, sub: { deny: ['x.*'] } } }),
  'empty allow': () => ({ nats: { pub: { allow: [], deny: ['x'] } } }),
  responder: () => ({ nats: { resp: { max: 1, ttl: 0 } } }),
  'in AUTH with permissions': () => ({ user: { aud: 'AUTH' }, nats: { pub: { allow: ['>'] } } }),
  'bad subject': () => ({ nats: { pub: { allow: ['a..b'] } } }),
  'queue in publish': () => ({ nats: { pub: { allow: ['a b'] } } }),
  error: () => ({ responseNats: { error: 'go away' } }),
  'error and token': () => ({ responseNats: { error: 'go away', jwt: 'x' } }),
  neither: () => ({ responseNats: {} }),
  empty: () => ({ raw: '' }),
  garbage: () => ({ raw: 'hello' }),
  'two chunks': () => ({ raw: 'eyJ.eyJ' }),
  'garbage chunks': () => ({ raw: 'eyJ.!!.eyJ' }),
  'another algorithm': () => ({ header: { typ: 'JWT', alg: 'none' } }),
  'another type': () => ({ header: { typ: 'JWE', alg: 'ed25519-nkey' } }),
  'old algorithm name': () => ({ header: { typ: 'jwt', alg: 'ED25519' } }),
  'a user token as answer': () => ({ raw: token(issuer, { sub: otherUser }, 'user', {}) }),
  'an unknown kind': () => ({ raw: token(issuer, { sub: otherUser }, 'something', {}) }),
  'answer for another user': () => ({ response: { sub: otherUser } }),
  'answer for another server': () => ({ response: { aud: otherServer } }),
  'answer for no server': () => ({ response: { aud: 'x' } }),
  'answer signed by another': () => ({ responseSigner: stranger }),
  'answer signed by a user': () => ({ responseSigner: fixedKey('user', 1) }),
  'answer expired': () => ({ response: { exp: seconds() - 10 } }),
  'answer not yet valid': () => ({ response: { nbf: seconds() + 100 } }),
  'user signed by another': () => ({ userSigner: stranger }),
  'user token is garbage': () => ({ jwt: 'a.b.c' }),
  'user token for another user': () => ({ user: { sub: otherUser } }),
  'user token expired': () => ({ user: { exp: seconds() - 10 } }),
  'user token not yet valid': () => ({ user: { nbf: seconds() + 100 } }),
  'user token expires soon': () => ({ user: { exp: seconds() + 1 } }),
  'user token expires later': () => ({ user: { exp: seconds() + 1000 } }),
  'window ends soon': () => ({
    nats: { times: [{ start: clock(-5000), end: clock(2000) }], times_location: 'UTC' },
  }),
  'window is over': () => ({
    nats: { times: [{ start: clock(-9000), end: clock(-5000) }], times_location: 'UTC' },
  }),
  'window is wrong': () => ({ nats: { times: [{ start: '25:00:00', end: '26:00:00' }] } }),
  'zone is wrong': () => ({
    nats: { times: [{ start: '00:00:00', end: '23:00:00' }], times_location: 'Nowhere/City' },
  }),
  'issuer account': () => ({ nats: { issuer_account: issuer.publicKey } }),
  'issuer account is no key': () => ({ nats: { issuer_account: 'x' } }),
  websocket: () => ({ nats: { allowed_connection_types: ['WEBSOCKET'] } }),
  standard: () => ({ nats: { allowed_connection_types: ['standard', 'pigeon'] } }),
  pigeon: () => ({ nats: { allowed_connection_types: ['pigeon'] } }),
  'proxy required': () => ({ nats: { proxy_required: true } }),
  'from here': () => ({ nats: { src: ['127.0.0.0/8'] } }),
  'bad source': () => ({ nats: { src: ['300.0.0.0/8'] } }),
  bearer: () => ({ nats: { bearer_token: true, tags: ['a:b'] } }),
  'wrong types': () => ({ nats: { subs: 'many' } }),
  limits: () => ({ nats: { subs: 1, payload: 2 } }),
  'from elsewhere': () => ({ nats: { src: ['10.0.0.0/8'] } }),
  'a deny that is no subject': () => ({ nats: { pub: { deny: ['a.>.b', 'a.1'] } } }),
  silent: () => ({ silent: true }),
  sealed: () => ({ seal: true }),
  'sealed, signed by another': () => ({ seal: true, responseSigner: stranger }),
  'sealed by another': () => ({ seal: otherCurve }),
  conf: () => ({ user: { aud: 'LAB' } }),
  lab2: () => ({ user: { aud: 'LAB' } }),
};

const me = (user: string, more = {}) => connect({ user, pass: 'x', ...more });
const use = `SUB b.1 1\r\nSUB q.1 w 2\r\nSUB x.1 3\r\nSUB > 4\r\n${['a.1', 'a.no', 'b.1', 'x', 'x.1', 'q.1'].map((s) => pub(s, 'p')).join('')}`;

const conf = (more: string) => `
accounts {
  AUTH { users [{user: auth, password: auth}, {user: other, password: other}] }
  APP {}
  LAB { users [{user: conf, password: conf}, {user: lab2, password: lab2}], default_permissions { publish: "d.>" } }
}
authorization {
  timeout: 1
  auth_callout { issuer: ${issuer.publicKey}, account: AUTH, auth_users: [auth], ${more} }
}`;

const service = (sealed = false) => ({
  ...{ user: 'auth', pass: 'auth', issuer },
  ...(sealed && { curve }),
  answer: (request: { nats: { connect_opts: { user?: string } } }) =>
    answers[request.nats.connect_opts.user ?? 'plain']?.() ?? { responseNats: { error: 'unknown' } },
});

/** Where we differ on purpose; `docs/DIFFERENCES.md` says why. */
const different: Record<string, string> = {
  limits: 'the official server has no use for the limits in the token',
  'from elsewhere': 'the official server does not look at the networks in the token',
  'a deny that is no subject': 'the official server leaves out what is no subject and lets the client in',
};

/** One case per answer: what it allows, and how the client appears. */
const answered: Case[] = Object.keys(answers)
  .filter((name) => !/^sealed|soon|silent|system/.test(name))
  .map((name) => ({
    ...script(
      name,
      send('A', me(name, { protocol: 1 }), use),
      sync('A'),
      look<{ connections: Record<string, unknown>[] }>(
        'connz',
        '/connz?auth=1&state=all&cid={A}',
        ({ connections }) =>
          connections.map(({ authorized_user, account, reason }) => ({ authorized_user, account, reason })),
      ),
    ),
    differs: different[name],
  }));

differential(
  'auth callout',
  conf(''),
  [
    script('INFO', open('A')),
    one('no credentials', connect(), use),
    one('PING first', ''),
    one('a token', connect({ auth_token: 'secret' }), use),
    one('an unknown user', me('who'), use),
    one('verbose', me('plain', { verbose: true }), 'SUB a 1\r\n'),
    one('the service itself', connect({ user: 'auth', pass: 'auth' }), pub('$SYS.REQ.USER.AUTH', 'x'), use),
    one('the service itself with a wrong password', connect({ user: 'auth', pass: 'x' }), use),
    one('a second CONNECT', me('plain'), 'SUB a 1\r\n', me('lab'), pub('a', 'x'), pub('d.a', 'x')),
    one('a second CONNECT, refused', me('plain'), 'SUB a 1\r\n', me('error'), pub('a', 'x')),
    one('what comes behind CONNECT waits', `${me('plain')}SUB a 1\r\n${pub('a', 'x')}`),
    script(
      'accounts keep apart',
      send('A', me('plain'), 'SUB a 1\r\n'),
      send('B', me('global'), 'SUB a 1\r\n'),
      send('C', me('plain'), pub('a', 'x')),
    ),
    one('into the system account', me('system', { protocol: 1 }), 'SUB a 1\r\n', pub('a', 'x')),
    script('the token expires', closed('A', me('user token expires soon'))),
    script('the window ends', closed('A', me('window ends soon'))),
    script('no answer', closed('A', me('silent'))),
    ...answered,
  ],
  async ({ port }) => CalloutService.start({ port, ...service() }),
);

differential(
  'auth callout, encrypted',
  conf(`xkey: ${curve.getPublicKey()}`),
  [
    ...['plain', 'named', 'sealed', 'sealed, signed by another', 'sealed by another', 'garbage'].map((name) =>
      one(name, me(name), use),
    ),
    one('answer signed by another', me('answer signed by another'), use),
  ],
  async ({ port }) => CalloutService.start({ port, ...service(true) }),
);

differential(
  'auth callout for some accounts',
  conf('allowed_accounts: [APP]'),
  [
    one('a user of another account', connect({ user: 'conf', pass: 'conf' }), use),
    one('a user of another account with a wrong password', connect({ user: 'conf', pass: 'x' }), use),
    one('a user of the account of the service', connect({ user: 'other', pass: 'other' }), use),
    one('nobody', connect(), use),
    one('somebody', me('plain'), use),
  ],
  async ({ port }) => CalloutService.start({ port, ...service() }),
);

differential(
  'auth callout with a user for everybody',
  `no_auth_user: conf\n${conf('')}`,
  [
    script('INFO', open('A')),
    one('nobody', connect({ protocol: 1 }), use),
    {
      ...one('nobody, and no CONNECT', use),
      differs: 'the official server does not ask about clients that go on without CONNECT',
    },
    one('somebody', me('plain'), use),
  ],
  async ({ port }) => CalloutService.start({ port, ...service() }),
);

differential('auth callout without a service', conf(''), [
  script('nobody answers', closed('A', me('plain'))),
]);
