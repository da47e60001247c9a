// Sequences beyond what numbers hold exactly: nothing may lead there, as two messages would get the same one.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lab } from '../lab.js';

const LAST = 2 ** 52;

for (const storage of ['memory', 'file']) {
  test(`sequences end where numbers are no longer exact, ${storage}`, async () => {
    const lab = new Lab();
    const config = { name: 'S', subjects: ['s.*'], storage };
    const { error } = await lab.api('STREAM.CREATE.S', { ...config, first_seq: LAST + 2 });
    assert.equal(error?.description, `first sequence can not be larger than ${LAST}`);
    await lab.create({ ...config, first_seq: LAST });
    await lab.publish('s.1', 'one');
    const purge = await lab.api('STREAM.PURGE.S', { seq: LAST * 2 });
    assert.equal(purge.error?.description, `sequences end at ${LAST}`);
    await lab.publish('s.1', 'two');
    assert.deepEqual(
      lab.stored('S').map(({ sequence }) => sequence),
      [LAST, LAST + 1],
    );
    await lab.close();
  });
}
