import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { decodeBase32, encodeBase32, withChecksum, withoutChecksum } from '../../src/protocol/nkey-text.js';

describe('the text of nkeys', () => {
  it('base32 is reversible for any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        assert.deepEqual(decodeBase32(encodeBase32(bytes)), Buffer.from(bytes));
      }),
    );
    for (const bad of ['A', 'AAA', 'AAAAAA', 'a2', 'A1', 'A=', 'A '])
      assert.equal(decodeBase32(bad), null, bad);
  });

  it('a checksum is undone, and notices a changed character', () => {
    const text = withChecksum([20 << 3], new Uint8Array(32).fill(7));
    assert.equal(text.length, 56);
    assert.deepEqual(withoutChecksum(text), Buffer.from([20 << 3, ...new Uint8Array(32).fill(7)]));
    assert.equal(withoutChecksum(text.replace('U', 'A')), null);
    assert.equal(withoutChecksum(''), null);
  });
});
