/** What the log says of handshakes that fail, and of settings that make them fail. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { issueCertificates } from '../support/certificates.js';
import { officialBinary, WITHOUT_OFFICIAL, weftBinary } from '../support/official.js';
import { ServerProcess } from '../support/server-process.js';

const DAY = 86_400_000;
const {
  server: own,
  ca,
  authority,
  clients,
} = issueCertificates({
  clients: {
    expired: { notAfter: new Date(Date.now() - DAY / 2) },
    future: { notBefore: new Date(Date.now() + DAY) },
    purpose: { usage: 'server' },
  },
});
const { clients: strangers } = issueCertificates({
  authority: { subject: 'Strangers' },
  clients: { stranger: {} },
});

/** Waits for INFO, offers a certificate that is refused, and gives what the client sees of it: the error, `end`, or an answer. */
async function refusal(server: ServerProcess, options: ConnectionOptions): Promise<string> {
  const socket = connect(server.port, '127.0.0.1');
  await once(socket, 'data');
  const secure = connectTls({ socket, rejectUnauthorized: false, ...options });
  const seen = await new Promise<string>((resolve) => {
    secure.on('error', (error: NodeJS.ErrnoException) => resolve(`${error.code} ${error.message}`));
    secure.on('end', () => resolve('end'));
    secure.on('data', (data: Buffer) => resolve(data.toString()));
    secure.write('CONNECT {"verbose":false}\r\nPING\r\n');
  });
  socket.destroy();
  return seen;
}

/** Comes in with a certificate, asks for an answer, and gives the session with which it could be resumed. */
async function session(server: ServerProcess, options: ConnectionOptions): Promise<Buffer | undefined> {
  const socket = connect(server.port, '127.0.0.1');
  await once(socket, 'data');
  const secure = connectTls({ socket, rejectUnauthorized: false, ...options });
  let last: Buffer | undefined;
  secure.on('session', (bytes: Buffer) => {
    last = bytes;
  });
  secure.write('CONNECT {"verbose":false}\r\nPING\r\n');
  const [answer] = (await once(secure, 'data')) as [Buffer];
  assert.equal(answer.toString(), 'PONG\r\n');
  socket.destroy();
  return last;
}

/** Waits for INFO, fails to come to terms, and gives what the log says of it. */
async function failure(server: ServerProcess, options: ConnectionOptions | 'garbage'): Promise<string> {
  const from = server.log.length;
  const socket = connect(server.port, '127.0.0.1');
  await once(socket, 'data');
  if (options === 'garbage') {
    socket.write('CONNECT {}\r\n');
  } else {
    connectTls({ socket, rejectUnauthorized: false, ...options }).on('error', () => {});
  }
  const line = /(\[(?:ERR|DBG)\]) .*TLS handshake error: (.*)/;
  for (let i = 0; i < 200 && !line.test(server.log.slice(from)); i++)
    await new Promise((resolve) => setTimeout(resolve, 10));
  socket.destroy();
  return line.exec(server.log.slice(from))?.slice(1).join(' ') ?? 'no such line';
}

describe('failed handshakes', { skip: officialBinary() ? false : WITHOUT_OFFICIAL }, () => {
  const servers: ServerProcess[] = [];

  before(async () => {
    for (const binary of [officialBinary()!, weftBinary()]) {
      servers.push(
        await ServerProcess.start({
          binary,
          conf: 'debug: true, tls { cert_file: "$DIR/server.pem", key_file: "$DIR/server.key", ca_file: "$DIR/ca.pem", verify: true }',
          files: { 'server.pem': own.cert, 'server.key': own.key, 'ca.pem': ca },
          http: false,
        }),
      );
    }
  });

  after(async () => {
    for (const server of servers) await server[Symbol.asyncDispose]();
  });

  const refused: Record<string, ConnectionOptions> = {
    'a certificate that has expired': clients.expired!,
    'a certificate of the future': clients.future!,
    'a certificate of a server': clients.purpose!,
    'a certificate of a stranger': strangers.stranger!,
  };

  const cases: Record<string, ConnectionOptions | 'garbage'> = {
    ...refused,
    'no certificate': {},
    'no TLS': 'garbage',
    'an old version': { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' },
    'no cipher in common': { maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA256@SECLEVEL=0' },
  };
  for (const [name, options] of Object.entries(cases)) {
    test(name, async () => {
      const said = await Promise.all(servers.map((server) => failure(server, options)));
      // What the client offered is not known to us.
      const [official, weft] = said.map((text) =>
        text.replace(/[;:] (?:client offered: )?\[.*\]$/, '').replace(/current time \S+/, 'current time'),
      );
      assert.equal(weft, official);
    });
  }

  for (const [name, options] of Object.entries(refused)) {
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      test(`${name} is told of with ${version}`, async () => {
        const withVersion: ConnectionOptions = { ...options, minVersion: version, maxVersion: version };
        const [official, weft] = await Promise.all(servers.map((server) => refusal(server, withVersion)));
        assert.match(official!, / alert /);
        assert.equal(weft, official);
      });
    }
  }

  for (const ciphers of [
    'TLS_AES_128_GCM_SHA256',
    'TLS_AES_256_GCM_SHA384',
    'TLS_CHACHA20_POLY1305_SHA256',
    'ECDHE-ECDSA-CHACHA20-POLY1305',
  ]) {
    test(`a certificate of a stranger is told of with ${ciphers}`, async () => {
      const maxVersion = ciphers.startsWith('TLS_') ? 'TLSv1.3' : 'TLSv1.2';
      const options: ConnectionOptions = { ...strangers.stranger!, ciphers, maxVersion };
      const [official, weft] = await Promise.all(servers.map((server) => refusal(server, options)));
      assert.match(official!, / alert unknown ca/);
      assert.equal(weft, official);
    });
  }

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`no session outlives its certificate with ${version}`, async () => {
      const notAfter = Date.now() + 2000;
      const short = authority.issue({ subject: 'short', usage: 'client', notAfter: new Date(notAfter) });
      const options: ConnectionOptions = { ...short, minVersion: version, maxVersion: version };
      const sessions = await Promise.all(servers.map((server) => session(server, options)));
      assert.ok(sessions[0] !== undefined, 'the official server gives sessions to resume');
      await new Promise((resolve) => setTimeout(resolve, notAfter + 1000 - Date.now()));
      const [official, weft] = await Promise.all(
        servers.map((server, i) => refusal(server, { ...options, session: sessions[i] })),
      );
      assert.match(official!, / alert certificate expired/);
      assert.equal(weft, official);
    });
  }
});
