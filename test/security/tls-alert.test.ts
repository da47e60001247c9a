import assert from 'node:assert/strict';
import { createDecipheriv } from 'node:crypto';
import { describe, test } from 'node:test';
import { refusalAlert } from '../../src/security/refused-certificate.js';
import { alertRecord, serverTrafficSecret } from '../../src/security/tls-alert.js';

// RFC 8448, section 3: the secret, and the key and the vector made of it.
const SECRET = Buffer.from('a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643', 'hex');
const KEY = Buffer.from('9f02283b6c9c07efc26bb9f2ac92e356', 'hex');
const VECTOR = Buffer.from('cf782b88dd83549aadf1e984', 'hex');

describe('TLS alerts', () => {
  test('with TLS 1.3 it is the first record under the secret of the server', () => {
    const record = alertRecord(48, 'TLSv1.3', 'TLS_AES_128_GCM_SHA256', SECRET)!;
    assert.deepEqual([...record.subarray(0, 5)], [23, 3, 3, 0, record.length - 5]);
    const decipher = createDecipheriv('aes-128-gcm', KEY, VECTOR);
    decipher.setAAD(record.subarray(0, 5));
    decipher.setAuthTag(record.subarray(-16));
    const content = Buffer.concat([decipher.update(record.subarray(5, -16)), decipher.final()]);
    assert.deepEqual([...content], [2, 48, 21]);
  });

  test('with TLS 1.2 it is not encrypted yet', () => {
    const record = alertRecord(42, 'TLSv1.2', 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256', null);
    assert.deepEqual([...record!], [21, 3, 3, 0, 2, 2, 42]);
  });

  test('there is none without a secret or for an unknown suite', () => {
    assert.equal(alertRecord(42, 'TLSv1.3', 'TLS_AES_128_GCM_SHA256', null), null);
    assert.equal(alertRecord(42, 'TLSv1.3', 'TLS_AES_128_CCM_SHA256', SECRET), null);
    assert.equal(alertRecord(42, null, 'TLS_AES_128_GCM_SHA256', SECRET), null);
  });

  test('the secret is that of the server for data', () => {
    assert.deepEqual(
      serverTrafficSecret(Buffer.from('SERVER_TRAFFIC_SECRET_0 00ff a1b2\n')),
      Buffer.from([0xa1, 0xb2]),
    );
    assert.equal(serverTrafficSecret(Buffer.from('CLIENT_TRAFFIC_SECRET_0 00ff a1b2\n')), null);
    assert.equal(serverTrafficSecret(Buffer.from('SERVER_HANDSHAKE_TRAFFIC_SECRET 00ff a1b2\n')), null);
  });

  test('each reason has the alert that Go gives', () => {
    assert.equal(refusalAlert('UNABLE_TO_VERIFY_LEAF_SIGNATURE'), 48);
    assert.equal(refusalAlert('CERT_HAS_EXPIRED'), 45);
    assert.equal(refusalAlert('CERT_NOT_YET_VALID'), 45);
    assert.equal(refusalAlert('INVALID_PURPOSE'), 42);
  });
});
