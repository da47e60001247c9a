// Rollups on a full disk: the publisher gets an acknowledgement that is true, or an error, and then nothing has changed.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Lab } from '../lab.js';

const OLD = 5;

function used(lab: Lab): number {
  let bytes = 0;
  for (const content of lab.disk.snapshot().values()) bytes += content?.length ?? 0;
  return bytes;
}

interface Case {
  rollup: 'all' | 'sub';
  retention: 'limits' | 'interest';
  /** What is rolled up, in a stream whose consumer wants `s.wanted`. */
  subject: string;
}

const cases: Case[] = [];
for (const rollup of ['all', 'sub'] as const) {
  cases.push({ rollup, retention: 'limits', subject: 's.wanted' });
  cases.push({ rollup, retention: 'interest', subject: 's.wanted' });
  cases.push({ rollup, retention: 'interest', subject: 's.other' });
}

for (const { rollup, retention, subject } of cases) {
  test(`${rollup} on ${subject}, ${retention}`, async () => {
    let [acks, errors] = [0, 0];
    for (let room = 0; room < 400; room += 10) {
      const lab = new Lab(room + 1);
      await lab.create({ name: 'S', subjects: ['s.>'], retention, allow_rollup_hdrs: true });
      await lab.api('CONSUMER.CREATE.S.c', {
        stream_name: 'S',
        config: { name: 'c', durable_name: 'c', ack_policy: 'explicit', filter_subject: 's.wanted' },
      });
      for (let i = 1; i <= OLD; i++) assert.equal(await lab.publish('s.wanted', `old ${i}`), i);
      const old = lab.payloads('S');
      for (let i = 0; i < 20; i++) await turn();
      lab.disk.capacity = used(lab) + room;
      const isKept = retention === 'limits' || subject === 's.wanted';
      const touched = rollup === 'all' || subject === 's.wanted';
      const rolled = [...(touched ? [] : old), ...(isKept ? ['new'] : [])];
      const what = `room for ${room}`;
      const answer = await lab.request(subject, 'new', { 'Nats-Rollup': rollup });
      const { seq: sequence, error } = JSON.parse(answer.payload.toString());
      if (error === undefined) acks++;
      else {
        assert.equal(error.err_code, 10077, what);
        assert.match(error.description, /error writing to disk/, what);
        errors++;
      }
      const expected = sequence > 0 ? rolled : old;
      if (sequence > 0) assert.equal(sequence, OLD + 1, what);
      assert.deepEqual(lab.payloads('S'), expected, what);
      assert.equal(lab.stream('S').store.state.lastSequence, OLD + Math.sign(sequence), what);
      lab.disk.capacity = Number.POSITIVE_INFINITY;
      lab.die('crash');
      assert.deepEqual(lab.payloads('S'), expected, `${what}, after a crash`);
      assert.equal(await lab.publish('s.wanted', 'after'), OLD + 1 + Math.sign(sequence), what);
      await lab.close();
    }
    assert.ok(acks > 0, 'there was room');
    assert.ok(errors > 0, 'there was none');
  });
}
