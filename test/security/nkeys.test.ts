import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { NkeyRole } from '../../src/protocol/nkey-text.js';
import {
  createNonce,
  createServerIdentity,
  decodePublicKey,
  decodeSeed,
  decodeSignature,
  encodePublicKey,
  encodeSeed,
  NkeyPair,
  NkeyVerifier,
} from '../../src/security/nkeys.js';

const ROLES: NkeyRole[] = ['account', 'cluster', 'server', 'operator', 'user', 'curve'];

/** Made with github.com/nats-io/nkeys v0.4.16: raw seeds of one repeated byte, signatures of the text `nonce`. */
const KNOWN: { role: NkeyRole; seed: string; publicKey: string; signature: string }[] = [
  {
    role: 'account',
    seed: 'SAAACAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAKM5I',
    publicKey: 'ACFIRY65OQE7DFP5KLNS2PF2LVZMUZYJX4OZIEQ36N2IQANUB5XVYYOU',
    signature: 'cz5TjDSBtpHH5sPHg5aR0K17SjHK9PTvmVExMImbEovF_0r9n5vtloCcN64YIIRJzEbv9oTfcot1ACjyMWWjCQ',
  },
  {
    role: 'cluster',
    seed: 'SCAAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAUPFM',
    publicKey: 'CCATS5YOVB6ROX2WUNKGNQ2MP3GMXDMKSG2O4N5CLX3A6W4PZGZZJZYN',
    signature: 'O7oPLG5Cqg8_eCeSSD4UprPj_AcW02bVNI7zwtkC7Fik1FqA0QFe6d3MUP3XX9CHK_qfGS6IHYM3GRA_en7KBA',
  },
  {
    role: 'server',
    seed: 'SNAAGAYDAMBQGAYDAMBQGAYDAMBQGAYDAMBQGAYDAMBQGAYDAMBQGA35HA',
    publicKey: 'NDWUSKGGFDI4FRXK5EBTRECZSVQSSWJHHJOGH6JWG3AUMFFMQ435CDIX',
    signature: '03xf3dMtq2FqVNVhT2KYCIS5ybRiposh4TUKfZ5dpxN9hy4-ouLlgIdW-rsKuQf7nJLZRxffL-MIBgFVVAVuCg',
  },
  {
    role: 'operator',
    seed: 'SOAAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBCDSA',
    publicKey: 'ODFJHLAXAUMHA4OWPOB4P7YO72AQR2HMIUYFOXLXE2DZGM633K7HZD3M',
    signature: '_yoduQ1y33LRJyxOPqvYRUKCAXRwPQhzuLwDss6_TpI90QHhnPdinOK5Dv0VZMOhsSQyc7IS2JbQPTOuHy_FDg',
  },
  {
    role: 'user',
    seed: 'SUAAKBIFAUCQKBIFAUCQKBIFAUCQKBIFAUCQKBIFAUCQKBIFAUCQKBKDFQ',
    publicKey: 'UBXHUHG5FGYLPD6RHL2MKWMP572O6KUXCZXDZJXS4T57ZTMAKBN7CEDX',
    signature: 'LcdvgG2nDQnxTarp7c2a2ba467khDvP_QQ50sO5rLtiywLPrQf-I1EwSmD-ipSxEKv5bqABf4pKk1iVktXwFBw',
  },
];

const raw = fc.uint8Array({ minLength: 32, maxLength: 32 });

describe('nkeys', () => {
  for (const { role, seed, publicKey, signature } of KNOWN) {
    it(`derives, signs and verifies as the official library does: ${role}`, () => {
      const pair = NkeyPair.fromSeed(seed);
      assert.equal(pair.role, role);
      assert.equal(pair.publicKey, publicKey);
      assert.equal(pair.seed, seed);
      assert.equal(pair.sign(Buffer.from('nonce')).toString('base64url'), signature);
      const verifier = NkeyVerifier.from(publicKey)!;
      const bytes = Buffer.from(signature, 'base64url');
      assert.equal(verifier.verify(Buffer.from('nonce'), bytes), true);
      assert.equal(verifier.verify(Buffer.from('other'), bytes), false);
      assert.equal(verifier.verify(Buffer.from('nonce'), bytes.subarray(1)), false);
    });
  }

  it('derives a curve key as the official library does, and refuses to sign with it', () => {
    const pair = NkeyPair.fromSeed('SXAASCIJBEEQSCIJBEEQSCIJBEEQSCIJBEEQSCIJBEEQSCIJBEEQSCKESY');
    assert.equal(pair.publicKey, 'XBL5WSZVT4R24XQUNZHCKEQFM4CHEJIGGSGBKDAUOU6QZEZ5ATKCD722');
    assert.throws(() => pair.sign(Buffer.from('x')), /curve key is not valid/);
    assert.equal(NkeyVerifier.from(pair.publicKey), null);
  });

  it('public keys and seeds survive the round trip', () => {
    fc.assert(
      fc.property(fc.constantFrom(...ROLES), raw, (role, bytes) => {
        assert.deepEqual(decodePublicKey(encodePublicKey(role, bytes)), { role, raw: Buffer.from(bytes) });
        assert.deepEqual(decodeSeed(encodeSeed(role, bytes)), { role, raw: Buffer.from(bytes) });
        assert.equal(decodePublicKey(encodeSeed(role, bytes)), null);
        assert.equal(decodeSeed(encodePublicKey(role, bytes)), null);
      }),
    );
  });

  it('notices any changed character', () => {
    fc.assert(
      fc.property(
        raw,
        fc.nat(55),
        fc.constantFrom(...'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'),
        (bytes, at, char) => {
          const text = encodePublicKey('user', bytes);
          const changed = text.slice(0, at) + char + text.slice(at + 1);
          assert.equal(decodePublicKey(changed)?.role === 'user', changed === text);
        },
      ),
    );
  });

  it('refuses what is no key', () => {
    for (const text of ['', 'U', 'hello', KNOWN[4]!.publicKey.toLowerCase(), `${KNOWN[4]!.publicKey}A`]) {
      assert.equal(decodePublicKey(text), null, text);
      assert.throws(() => NkeyPair.fromSeed(text), /nkeys: invalid seed/);
    }
  });

  it('creates a server identity in about a millisecond', () => {
    createServerIdentity();
    const start = performance.now();
    const identity = createServerIdentity();
    // Generous, for a loaded machine: it takes a quarter of a millisecond.
    assert.ok(performance.now() - start < 50);
    assert.match(identity.id, /^N[A-Z2-7]{55}$/);
    assert.match(identity.xkey, /^X[A-Z2-7]{55}$/);
    const message = Buffer.from('message');
    assert.equal(NkeyVerifier.from(identity.id)!.verify(message, identity.sign(message)), true);
  });

  it('makes nonces of 15 characters from the given bytes', () => {
    assert.match(createNonce(), /^[A-Za-z0-9_-]{15}$/);
    assert.notEqual(createNonce(), createNonce());
    assert.equal(
      createNonce((size) => Buffer.alloc(size, 0xff)),
      '______________8',
    );
  });

  it('decodes signatures in both alphabets where both are allowed', () => {
    const bytes = Buffer.from([0xfb, 0xff, 0xfe, 1]);
    assert.deepEqual(decodeSignature(bytes.toString('base64url'), false), bytes);
    assert.deepEqual(decodeSignature(bytes.toString('base64'), true), bytes);
    assert.equal(decodeSignature(bytes.toString('base64'), false), null);
    for (const bad of ['A', 'AA=', 'A===', '+/_-', 'no good', '\u00e9aaa']) {
      assert.equal(decodeSignature(bad, true), null, bad);
    }
  });
});
