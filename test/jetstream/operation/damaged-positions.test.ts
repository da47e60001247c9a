// A bit flips in the files that say what a consumer is and how far: no message of a work queue goes because of that.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { FILE_SUM_SIZE } from '../../../src/jetstream/store/file-sum.js';
import { Lab } from '../lab.js';

const POSITION = '/store/jetstream/$G/streams/S/obs/c/o.dat';

type Tree = ReadonlyMap<string, Buffer | null>;

/** Six messages, of which a consumer has got four and acknowledged the first two and the fourth. */
async function stoppedQueue(): Promise<{ lab: Lab; tree: Tree }> {
  const lab = new Lab();
  await lab.create({ name: 'S', subjects: ['s'], retention: 'workqueue' });
  const config = { name: 'c', durable_name: 'c', ack_policy: 'explicit' };
  await lab.api('CONSUMER.CREATE.S.c', { stream_name: 'S', config });
  for (let i = 1; i <= 6; i++) await lab.publish('s', `message ${i}`);
  const replies: string[] = [];
  lab.client.subscribe('got', ({ reply }) => void replies.push(reply));
  lab.client.publish('$JS.API.CONSUMER.MSG.NEXT.S.c', '{"batch":4}', 'got');
  for (let i = 0; i < 20; i++) await turn();
  assert.equal(replies.length, 4);
  for (const i of [0, 1, 3]) await lab.request(replies[i]!, '+ACK');
  await lab.jetstream.close();
  return { lab, tree: lab.disk.snapshot() };
}

const LEFT = ['message 3', 'message 5', 'message 6'];

test('of a file with a sum every flipped bit is seen: the consumer is set aside, the messages stay', async () => {
  const { lab, tree } = await stoppedQueue();
  const file = tree.get(POSITION)!;
  lab.start();
  assert.deepEqual(lab.payloads('S'), LEFT);
  for (let bit = 0; bit < file.length * 8; bit++) {
    lab.disk.restore(tree);
    lab.disk.flipBit(POSITION, bit >> 3, bit & 7);
    lab.warnings.length = 0;
    lab.start();
    assert.deepEqual(lab.payloads('S'), LEFT, `bit ${bit}`);
    assert.match(lab.warnings.join(), /Error adding consumer '\$G > S > c': .*corrupt state file/);
    assert.equal(lab.stream('S').consumers.get('c'), undefined);
  }
  await lab.close();
});

test('of a file without a sum, as the official server writes it, messages that count as done are delivered again', async () => {
  const { lab, tree } = await stoppedQueue();
  const official = tree.get(POSITION)!.subarray(0, -FILE_SUM_SIZE);
  const asOfficial = new Map([...tree, [POSITION, official]]);
  lab.disk.restore(asOfficial);
  lab.start();
  assert.deepEqual(lab.warnings, []);
  assert.deepEqual([...lab.stream('S').consumers.get('c')!.acks.pending.keys()], [3]);
  let repeated = 0;
  for (let bit = 0; bit < official.length * 8; bit++) {
    lab.disk.restore(asOfficial);
    lab.disk.flipBit(POSITION, bit >> 3, bit & 7);
    lab.warnings.length = 0;
    lab.start();
    assert.deepEqual(lab.payloads('S'), LEFT, `bit ${bit}`);
    const consumer = lab.stream('S').consumers.get('c');
    if (consumer === undefined) {
      assert.match(lab.warnings.join(), /Error adding consumer/);
      continue;
    }
    for (const sequence of [3, 5, 6]) assert.ok(consumer.needs(sequence), `bit ${bit}: ${sequence}`);
    if (!/begins again at/.test(lab.warnings.join())) continue;
    repeated++;
    // What it says now is known to be right.
    for (let i = 0; i < 20; i++) await turn();
    lab.die('cut');
    for (const sequence of [3, 5, 6]) assert.ok(lab.stream('S').consumers.get('c')!.needs(sequence));
    assert.deepEqual(lab.payloads('S'), LEFT, `bit ${bit}`);
  }
  assert.ok(repeated > 5, String(repeated));
  await lab.close();
});

test('messages stay for a consumer that was set aside when the last other one is deleted', async () => {
  const lab = new Lab();
  await lab.create({ name: 'S', subjects: ['s'], retention: 'interest' });
  for (const name of ['c', 'd'])
    await lab.api(`CONSUMER.CREATE.S.${name}`, {
      stream_name: 'S',
      config: { name, durable_name: name, ack_policy: 'explicit' },
    });
  for (const body of ['1', '2', '3']) await lab.publish('s', body);
  const { reply } = await lab.request('$JS.API.CONSUMER.MSG.NEXT.S.c', '1');
  await lab.request(reply, '+ACK');
  await lab.jetstream.close();
  lab.disk.flipBit(POSITION, 0, 0);
  lab.start();
  assert.equal(lab.stream('S').consumers.get('c'), undefined);
  await lab.api('CONSUMER.DELETE.S.d');
  assert.deepEqual(lab.payloads('S'), ['1', '2', '3']);
  await lab.close();
});

test('of a configuration whose sum is wrong and which has a field that nobody knows no consumer is made', async () => {
  const lab = new Lab();
  await lab.create({ name: 'S', subjects: ['s.*'], retention: 'workqueue' });
  const config = { name: 'c', durable_name: 'c', ack_policy: 'explicit', filter_subject: 's.a' };
  await lab.api('CONSUMER.CREATE.S.c', { stream_name: 'S', config });
  for (const token of ['a', 'b', 'a']) await lab.publish(`s.${token}`, token);
  await lab.jetstream.close();
  const tree = lab.disk.snapshot();
  const path = '/store/jetstream/$G/streams/S/obs/c/meta.inf';
  const at = tree.get(path)!.indexOf('filter_subject');
  for (let bit = 0; bit < 'filter_subject'.length * 8; bit++) {
    lab.disk.restore(tree);
    lab.disk.flipBit(path, at + (bit >> 3), bit & 7);
    lab.warnings.length = 0;
    lab.start();
    const consumer = lab.stream('S').consumers.get('c');
    // Field names may be written in capitals, as officially.
    if (consumer !== undefined) assert.equal(consumer.config.filter_subject, 's.a', `bit ${bit}`);
    else assert.match(lab.warnings.join(), /Error adding consumer '\$G > S > c'/);
    assert.deepEqual(lab.payloads('S'), ['a', 'b', 'a'], `bit ${bit}`);
  }
  await lab.close();
});
