// The age of messages and their own TTLs, side by side: whichever is over first counts.
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Lab } from '../lab.js';

const SECOND = 1e9;

for (const storage of ['memory', 'file']) {
  describe(`storage ${storage}`, () => {
    test('max_age takes a message whose TTL is longer', async () => {
      const lab = new Lab();
      const config = { name: 'S', subjects: ['s.*'], storage, allow_msg_ttl: true, max_age: 2 * SECOND };
      await lab.create(config);
      await lab.publish('s.long', 'first', { 'Nats-TTL': '60s' });
      await lab.pass(1000);
      await lab.publish('s.ever', 'second', { 'Nats-TTL': 'never' });
      await lab.publish('s.plain', 'third');
      assert.equal(lab.stored('S').length, 3);
      await lab.pass(1050);
      assert.deepEqual(lab.payloads('S'), ['second', 'third']);
      await lab.pass(1000);
      assert.deepEqual(lab.payloads('S'), ['second']);
      await lab.close();
    });

    test('what has grown old does not count against limits any more', async () => {
      const lab = new Lab();
      await lab.create({ name: 'S', subjects: ['s.*'], storage, allow_msg_ttl: true, max_age: 2 * SECOND });
      const used = () => lab.stream('S').account.memory + lab.stream('S').account.store;
      await lab.publish('s.1', 'short', { 'Nats-TTL': '1s' });
      const one = used();
      await lab.publish('s.2', 'as long as others');
      const both = used();
      await lab.pass(1100);
      assert.equal(used(), both - one);
      await lab.pass(1100);
      assert.equal(used(), 0);
      await lab.close();
    });

    test('delete markers follow max_age, also for a message with a TTL', async () => {
      const lab = new Lab();
      const config = { name: 'S', subjects: ['s.*'], storage, allow_msg_ttl: true, max_age: SECOND };
      await lab.create({ ...config, subject_delete_marker_ttl: 50 * SECOND });
      await lab.publish('s.1', 'with', { 'Nats-TTL': '1s' });
      await lab.publish('s.2', 'without');
      await lab.pass(1050);
      const markers = lab.stored('S');
      assert.deepEqual(
        markers.map(({ sequence, subject }) => [sequence, subject]),
        [
          [3, 's.1'],
          [4, 's.2'],
        ],
      );
      for (const { header } of markers) assert.match(header, /Nats-Marker-Reason: MaxAge\r\nNats-TTL: 50s/);
      // Markers grow old like anything else.
      await lab.pass(1050);
      assert.deepEqual(lab.stored('S'), []);
      await lab.close();
    });
  });
}
