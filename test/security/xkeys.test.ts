import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nkeys } from '@nats-io/nats-core';
import fc from 'fast-check';
import { encodePublicKey, NkeyPair } from '../../src/security/nkeys.js';
import { open, seal } from '../../src/security/xkeys.js';

const ours = NkeyPair.generate('curve');
const theirs = nkeys.createCurve();
const theirKey = theirs.getPublicKey();
const bytes = fc.uint8Array({ maxLength: 300 });

describe('curve keys', () => {
  it('what is sealed here is opened by the official library, and the other way round', () => {
    fc.assert(
      fc.property(bytes, (message) => {
        const there = theirs.open(seal(ours, message, theirKey), ours.publicKey);
        assert.deepEqual(Buffer.from(there!), Buffer.from(message));
        // The official ones take a message of nothing for an invalid one.
        const here = open(ours, theirs.seal(message, ours.publicKey), theirKey);
        assert.deepEqual(here, Buffer.from(message));
      }),
      { numRuns: 30 },
    );
  });

  it('a seed gives the same key there', () => {
    const copy = nkeys.fromCurveSeed(new TextEncoder().encode(ours.seed));
    assert.equal(copy.getPublicKey(), ours.publicKey);
    assert.equal(Buffer.from(copy.open(seal(ours, Buffer.from('x'), theirKey), theirKey)!).toString(), 'x');
  });

  it('no message is sealed alike twice', () => {
    const message = Buffer.from('x');
    assert.notDeepEqual(seal(ours, message, theirKey), seal(ours, message, theirKey));
  });

  it('what was changed, or is for somebody else, does not open', () => {
    const sealed = Buffer.from(theirs.seal(Buffer.from('secret'), ours.publicKey));
    fc.assert(
      fc.property(fc.nat(sealed.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const changed = Buffer.from(sealed);
        changed[at]! ^= change;
        const expected = at < 4 ? 'encrypted input wrong version' : 'could not decrypt input';
        assert.throws(() => open(ours, changed, theirKey), { message: `nkeys: ${expected}` });
      }),
    );
    const wrong = { message: 'nkeys: could not decrypt input' };
    assert.throws(() => open(NkeyPair.generate('curve'), sealed, theirKey), wrong);
    assert.throws(() => open(ours, sealed, NkeyPair.generate('curve').publicKey), wrong);
  });

  it('errors are the official ones', () => {
    const short = { message: 'nkeys: encrypted input is not valid' };
    for (let length = 0; length <= 28; length++) {
      assert.throws(() => open(ours, Buffer.alloc(length), theirKey), short);
    }
    const user = NkeyPair.generate('user').publicKey;
    // A point of low order would make a secret that everybody knows.
    const zero = encodePublicKey('curve', Buffer.alloc(32));
    for (const other of ['', 'x', user, zero]) {
      assert.throws(() => seal(ours, Buffer.from('x'), other), {
        message: 'nkeys: not a valid recipient public curve key',
      });
      const box = theirs.seal(Buffer.from('x'), ours.publicKey);
      assert.throws(() => open(ours, box, other), {
        message: 'nkeys: not a valid sender public curve key',
      });
    }
    assert.throws(() => NkeyPair.generate('user').sharedSecret(Buffer.alloc(32)), /only curve key/);
  });

  it('whatever comes is opened or refused', () => {
    const anything = fc.uint8Array({ minLength: 0, maxLength: 100 });
    fc.assert(
      fc.property(anything, (message) => {
        assert.throws(
          () => open(ours, Buffer.concat([Buffer.from('xkv1'), message]), theirKey),
          /^Error: nkeys: /,
        );
      }),
    );
  });
});
