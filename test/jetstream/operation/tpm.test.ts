// Keys that a TPM holds: a server that cannot get at them does not start, in official words, rather than store without them.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WeftServer } from '../../../src/index.js';

for (const [key, problem] of [
  ['', 'TPM functionality is not supported on this platform'],
  ['key: secret, ', 'JetStream encryption key may not be used with TPM options'],
] as const)
  test(problem, async () => {
    const config = `jetstream { ${key}tpm { keys_file: "keys", encryption_password: "x", pcr: 22 } }`;
    await assert.rejects(WeftServer.create({ config }), { message: `Can't start JetStream: ${problem}` });
  });
