import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { BcryptWorker } from '../../src/security/bcrypt-worker.js';
import { compareSecret, equalSecrets, isBcrypt } from '../../src/security/passwords.js';

/** Made with golang.org/x/crypto/bcrypt, cost 4. */
const HASH = '$2a$04$tCftypGHYVTmL5VeZSueLeQ23b6TrJqrSYgz9oFj6ja/oxK5EMCou';

describe('passwords', () => {
  const bcrypt = new BcryptWorker();
  after(() => bcrypt.close());

  it('tells bcrypt hashes from plain passwords', () => {
    for (const hash of [HASH, '$2b$10$x', '$2x$04$', '$2y$31$....']) assert.equal(isBcrypt(hash), true, hash);
    for (const plain of ['', 'x', '$2', '$2a$', '$2c$10$x', '$2a$1$x', 'x$2a$10$x']) {
      assert.equal(isBcrypt(plain), false, plain);
    }
  });

  it('compares plain secrets at once', () => {
    assert.equal(compareSecret('s3cret', 's3cret', bcrypt), true);
    assert.equal(compareSecret('s3cret', 's3creT', bcrypt), false);
    assert.equal(compareSecret('s3cret', '', bcrypt), false);
    assert.equal(equalSecrets('pässword', 'pässword'), true);
    assert.equal(equalSecrets('pässword', 'passwörd'), false);
  });

  it('compares with hashes of every version', async () => {
    for (const version of ['a', 'b', 'x', 'y']) {
      const hash = `$2${version}${HASH.slice(3)}`;
      assert.equal(await compareSecret(hash, 's3cret', bcrypt), true, version);
      assert.equal(await compareSecret(hash, 'other', bcrypt), false, version);
    }
    assert.equal(await compareSecret(HASH, HASH, bcrypt), false);
  });

  it('answers false for a malformed hash', async () => {
    for (const hash of ['$2a$10$', '$2a$99$abcdefghijklmnopqrstuv', HASH.slice(0, -1)]) {
      assert.equal(await compareSecret(hash, 's3cret', bcrypt), false, hash);
    }
  });

  it('leaves the event loop free meanwhile', async () => {
    const slow = '$2a$10$WSkJ8kdoKUkpmfGYzs2YyuXiP9mC8oVH1TY6.yZfhlKIEo0lrpk4.';
    let turns = 0;
    const counter = setInterval(() => turns++, 1);
    assert.equal(await bcrypt.compare('x', slow), true);
    clearInterval(counter);
    // In this thread it would have been at most one or two.
    assert.ok(turns > 5, `${turns} turns`);
  });

  it('refuses comparisons under way when closed, and starts again when asked', async () => {
    const worker = new BcryptWorker();
    const pending = worker.compare('s3cret', HASH);
    assert.equal(worker.pending, 1);
    await worker.close();
    assert.equal(await pending, false);
    assert.equal(await worker.compare('s3cret', HASH), true);
    await worker.close();
  });
});
