// What both servers tell the service about a client, to the order of the fields, and what they log about its answers.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectNats } from '@nats-io/transport-node';
import {
  type Answer,
  type CalloutRequest,
  CalloutService,
  fixedCurve,
  fixedKey,
  type ServiceOptions,
} from '../support/auth-callout-service.js';
import { issueCertificates } from '../support/certificates.js';
import { UserKey } from '../support/nkeys.js';
import { officialBinary, WITHOUT_OFFICIAL } from '../support/official.js';
import { WireClient } from '../support/wire-client.js';
import { type Side, startPair, stopPair } from './pair.js';
import { connect } from './transcript.js';

const issuer = fixedKey('account', 1);
const curve = fixedCurve(3);
const alice = new UserKey(7);

const conf = (callout: string, more = '') => `
server_tags: [a, "b:c"]
accounts {
  AUTH { users [{user: auth, password: auth}] }
  APP { users [{user: bob, password: bob}, {nkey: ${alice.publicKey}}] }
}
authorization {
  timeout: 1
  auth_callout { issuer: ${issuer.publicKey}, account: AUTH, auth_users: [auth], ${callout} }
}
${more}`;

type Connect = (side: Side) => Promise<unknown>;

/** Runs the same clients against both servers and gives what the services got and what the logs say of it. */
async function both(
  text: string,
  clients: readonly Connect[],
  service: Partial<ServiceOptions> = {},
  files: Record<string, string> = {},
) {
  const pair = await startPair({ conf: text, http: false, files });
  try {
    const sides = await Promise.all(
      [pair.official, pair.weft].map(async (side) => {
        await using callout = await CalloutService.start({
          ...{ port: side.port, user: 'auth', pass: 'auth', issuer, answer: () => ({}) },
          ...service,
        });
        const from = side.process.log.length;
        for (const client of clients) await client(side);
        const log = side.process.log.slice(from).split('\n');
        return { requests: callout.requests, log: log.flatMap(problem) };
      }),
    );
    return { official: sides[0]!, weft: sides[1]! };
  } finally {
    await stopPair(pair);
  }
}

/** A raw client that says this and waits for the answer. */
const says =
  (fields: Record<string, unknown> | ((client: WireClient) => Record<string, unknown>)): Connect =>
  async ({ port }) => {
    const client = await WireClient.connect(port);
    await client.sync(connect(typeof fields === 'function' ? fields(client) : fields));
    client.destroy();
  };

/** Errors and warnings, without what differs between two runs. */
function problem(line: string): string[] {
  const found = /\[(?:WRN|ERR)\] (.*)$/.exec(line);
  if (found === null) return [];
  const text = found[1]!.replace(/127\.0\.0\.1:\d+ - cid:\d+/, 'CLIENT').replace(/"U[A-Z2-7]{55}"/g, 'USER');
  return [text];
}

function maskedEvent(subject: string, text: string): string {
  const plain = text
    .replace(/"server":\{.*?\}(?:,"jetstream":\w+,"flags":\d+,"seq":\d+,"time":"[^"]*"\})?/, '"server":{}')
    .replace(/"(id|timestamp|time|start|stop|rtt|ver|lang)":("[^"]*"|\d+)/g, '"$1":0')
    .replace(/"expires":(\d+)/, (_, left: string) => `"expires":${Math.round(Number(left) / 1e11)}`);
  return `${subject} ${plain}`;
}

function masked({ text, exp, iat }: CalloutRequest): string {
  return text
    .replace(/"(jti|iss|id|user_nkey|xkey|name)":"[A-Z2-7]{52,56}"/g, '"$1":"KEY"')
    .replace(/"exp":\d+/, `"exp":iat+${exp - iat}`)
    .replace(/"iat":\d+/, '"iat":0')
    .replace(/"id":(\d+)/, '"id":0')
    .replace(/"(nonce|sig)":"[^"]*"/g, '"$1":"TEXT"');
}

describe('auth callout', { skip: officialBinary() ? false : WITHOUT_OFFICIAL }, () => {
  test('what the service learns', async () => {
    const clients = [
      says({}),
      says({ user: 'who', pass: '<&>é', name: 'me', lang: 'js', version: '1', protocol: 1 }),
      says({ user: 'bob', pass: 'bob' }),
      says({ auth_token: 'secret' }),
      says({ jwt: 'eyJ' }),
      says(({ info }) => ({
        nkey: alice.publicKey,
        sig: alice.sign(String(info.nonce)).toString('base64url'),
      })),
      says({ nkey: alice.publicKey, sig: 'wrong' }),
    ];
    const { official, weft } = await both(conf(''), clients);
    assert.equal(official.requests.length, clients.length);
    assert.deepEqual(weft.requests.map(masked), official.requests.map(masked));
  });

  test('what it learns of clients that are somebody without credentials', async () => {
    const { official, weft } = await both(conf('', 'no_auth_user: bob'), [says({}), says({ name: 'x' })]);
    assert.equal(official.requests.length, 2);
    assert.deepEqual(weft.requests.map(masked), official.requests.map(masked));
  });

  test('encrypted', async () => {
    const { official, weft } = await both(conf(`xkey: ${curve.getPublicKey()}`), [says({ user: 'who' })], {
      curve,
      answer: () => ({ seal: true }),
    });
    assert.equal(official.requests.length, 1);
    assert.deepEqual(weft.requests.map(masked), official.requests.map(masked));
  });

  test('certificates', async () => {
    const { ca, server, clients } = issueCertificates({ clients: { bob: { emails: ['bob'] }, auth: {} } });
    const files = { 'ca.pem': ca, 'cert.pem': server.cert, 'key.pem': server.key };
    for (const verify of ['verify: true', '']) {
      const tls = `tls { cert_file: "$DIR/cert.pem", key_file: "$DIR/key.pem", ca_file: "$DIR/ca.pem", ${verify} }`;
      const secure: Connect = async ({ port }) => {
        const { cert, key } = clients.bob;
        const nc = await connectNats({ port, user: 'who', tls: { ca, cert, key }, reconnect: false });
        await nc.close();
      };
      const service = { tls: { ca, cert: clients.auth.cert, key: clients.auth.key } };
      const { official, weft } = await both(conf('', tls), [secure], service, files);
      assert.equal(official.requests.length, 1);
      assert.deepEqual(weft.requests.map(masked), official.requests.map(masked));
      const { verified_chains: chains = [] } = weft.requests[0]!.nats.client_tls as {
        verified_chains?: string[][];
      };
      assert.equal(chains.length, verify === '' ? 0 : 1);
    }
  });

  test('what its account and the system account hear, and what users see of themselves', async () => {
    const text = conf('')
      .replace('auth_users: [auth]', 'auth_users: [auth, sys]')
      .replace('accounts {', 'accounts { $SYS { users [{user: sys, password: sys}] }');
    const EVENTS = 9;
    const told: Record<string, string[]> = { official: [], weft: [] };
    const answer = ({ nats }: CalloutRequest): Answer => {
      const { user } = nats.connect_opts;
      if (user === 'silent') return { silent: true };
      if (user === 'bad') return { responseNats: { error: 'no' } };
      // Half a second more, so that both servers find the same number of whole ones left.
      return { user: { exp: Math.ceil(Date.now() / 1000) + 1000 }, nats: { pub: { deny: ['x'] } } };
    };
    const listen: Connect = async (side) => {
      const heard = told[side.process.log.includes('Git:') ? 'official' : 'weft']!;
      const listeners = [
        { user: 'auth', pass: 'auth', subject: '$SYS.ACCOUNT.CLIENT.AUTH.ERR' },
        { user: 'sys', pass: 'sys', subject: '$SYS.ACCOUNT.APP.CONNECT' },
        { user: 'sys', pass: 'sys', subject: '$SYS.SERVER.*.CLIENT.AUTH.ERR' },
      ];
      const connections = [];
      for (const { subject, ...login } of listeners) {
        const nc = await connectNats({ port: side.port, ...login, reconnect: false });
        nc.subscribe(subject, { callback: (_, msg) => void heard.push(maskedEvent(subject, msg.string())) });
        await nc.flush();
        connections.push(nc);
      }
      for (const fields of [
        { user: 'bad' },
        { user: 'silent' },
        { user: 'auth', pass: 'x' },
        { user: 'good' },
      ]) {
        await says({ ...fields, name: 'me' })(side);
      }
      const nc = await connectNats({ port: side.port, user: 'good', reconnect: false });
      heard.push(maskedEvent('info', (await nc.request('$SYS.REQ.USER.INFO')).string()));
      await nc.close();
      // The official server tells of these in its own time.
      for (let waited = 0; heard.length < EVENTS && waited < 3000; waited += 20) await sleep(20);
      for (const each of connections) await each.close();
    };
    await both(text, [listen], { answer });
    assert.equal(told.official!.length, EVENTS);
    assert.deepEqual(told.weft!.sort(), told.official!.sort());
  });

  test('what the log says of answers', async () => {
    const now = Math.floor(Date.now() / 1000);
    const answers: Answer[] = [
      { raw: '' },
      { raw: 'x' },
      { raw: 'eyJ.eyJ' },
      { header: { typ: 'JWT', alg: 'none' } },
      { header: { typ: 'X', alg: 'none' } },
      { responseNats: { error: 'go away' } },
      { responseNats: {} },
      { response: { aud: 'x' } },
      { response: { sub: fixedKey('user', 5).publicKey } },
      { response: { aud: fixedKey('server', 5).publicKey } },
      { response: { exp: now - 10 } },
      { responseSigner: fixedKey('account', 2) },
      { responseSigner: fixedKey('user', 2) },
      { userSigner: fixedKey('account', 2) },
      { user: { sub: fixedKey('user', 5).publicKey } },
      { user: { aud: 'NOWHERE' } },
      { user: { exp: now - 10 } },
      { user: { nbf: now + 100 } },
      { jwt: 'x' },
      { nats: { issuer_account: issuer.publicKey } },
      { nats: { allowed_connection_types: ['MQTT'] } },
      { nats: { allowed_connection_types: ['PIGEON'] } },
      { nats: { pub: { allow: ['a b'] } } },
      { nats: { sub: { allow: ['a b c'] } } },
      { nats: { sub: { deny: ['.a'] } } },
      { nats: { sub: { deny: ['a..b'] } } },
      { nats: { src: ['x'] } },
      { nats: { times: [{ start: '', end: '' }] } },
      { nats: { times: [{ start: '1', end: '2' }] } },
      { nats: { times_location: 'Nowhere/City' } },
      { nats: { proxy_required: true } },
    ];
    let official = 0;
    let ours = 0;
    const next = (request: CalloutRequest): Answer => {
      const own = request.nats.connect_opts.user === 'o';
      return answers[own ? official++ : ours++]!;
    };
    const { official: theirs, weft } = await both(
      conf(''),
      // The name tells the services apart, as both ask the same function.
      answers.map(
        (): Connect => (side) =>
          says({ user: side.process.log.includes('Git:') ? 'o' : 'w', protocol: 1 })(side),
      ),
      { answer: next },
    );
    // The official server warns after the error; both lines come.
    const lines = (log: string[]) => log.map((line) => line.replace(/"[ow]"/, 'NAME')).sort();
    assert.equal(theirs.log.length, 2 * answers.length);
    assert.deepEqual(lines(weft.log), lines(theirs.log));
  });
});
