/** What a client is told whose certificate the server does not trust. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { issueCertificates } from '../support/certificates.js';
import { weftBinary } from '../support/official.js';
import { ServerProcess } from '../support/server-process.js';

const own = issueCertificates({ clients: { expired: { notAfter: new Date(Date.now() - 3_600_000) } } });
const strangers = issueCertificates({ authority: { subject: 'Strangers' }, clients: { stranger: {} } });

describe('refused client certificates', () => {
  let server: ServerProcess;
  before(async () => {
    server = await ServerProcess.start({
      binary: weftBinary(),
      conf: 'tls { cert_file: "$DIR/server.pem", key_file: "$DIR/server.key", ca_file: "$DIR/ca.pem", verify: true }',
      files: { 'server.pem': own.server.cert, 'server.key': own.server.key, 'ca.pem': own.ca },
      http: false,
    });
  });
  after(() => server[Symbol.asyncDispose]());

  const cases: [string, ConnectionOptions, RegExp][] = [
    ['a stranger', strangers.clients.stranger!, /alert unknown ca/],
    ['an expired one', own.clients.expired!, /alert certificate expired/],
  ];
  const suites = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'];
  for (const [name, certificate, alert] of cases) {
    for (const ciphers of [...suites, 'ECDHE-ECDSA-AES128-GCM-SHA256']) {
      test(`${name} with ${ciphers}`, async () => {
        const socket = connect(server.port, '127.0.0.1');
        await once(socket, 'data');
        const maxVersion = ciphers.startsWith('TLS_') ? 'TLSv1.3' : 'TLSv1.2';
        const secure = connectTls({
          socket,
          rejectUnauthorized: false,
          ...certificate,
          ciphers,
          maxVersion,
        });
        const error = await new Promise<Error | null>((resolve) => {
          secure.on('error', resolve);
          secure.on('end', () => resolve(null));
          secure.write('CONNECT {}\r\nPING\r\n');
        });
        socket.destroy();
        assert.match(error?.message ?? 'an orderly end', alert);
      });
    }
  }
});
