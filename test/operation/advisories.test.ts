// Advisories and metrics of a running server fit their official schemas.
import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { Lab } from '../jetstream/lab.js';
import { type Advisory, AdvisoryScenario, advisoryConf } from '../support/advisory-scenario.js';
import { AdvisorySchemas } from '../support/advisory-schemas.js';
import { weftBinary } from '../support/official.js';
import { ServerProcess } from '../support/server-process.js';

/** A full disk is not played there, see below. */
const NOT_PLAYED = ['io.nats.jetstream.advisory.v1.server_out_of_space'];
/**
 * Where the official server itself does not do what its schema says; clients know it as it is. The differential test shows that its
 * advisories have the same problems.
 */
const OFFICIALLY_INVALID: Readonly<Record<string, string>> = {
  'io.nats.jetstream.advisory.v1.consumer_group_pinned': "data must have required property 'server'",
  'io.nats.jetstream.advisory.v1.consumer_group_unpinned': "data must have required property 'server'",
  'io.nats.jetstream.advisory.v1.nak': 'data/consumer_seq must be string',
  'io.nats.jetstream.advisory.v1.terminated': 'data/consumer_seq must be string',
};

describe('advisories', () => {
  const schemas = new AdvisorySchemas();
  let heard: Advisory[];
  before(async () => {
    const server = await ServerProcess.start({ binary: weftBinary(), conf: advisoryConf });
    try {
      heard = await new AdvisoryScenario(server.port).run();
    } finally {
      await server.stop();
    }
  });

  for (const type of schemas.types) {
    test(type, { skip: NOT_PLAYED.includes(type) }, () => {
      const of = heard.filter(({ body }) => body.type === type);
      assert.ok(of.length > 0, 'it was not heard');
      for (const { subject, body } of of)
        assert.equal(
          schemas.problems(body),
          OFFICIALLY_INVALID[type] ?? '',
          `${subject} ${JSON.stringify(body)}`,
        );
    });
  }

  test('all that was heard has a schema', () => {
    const unknown = heard.filter(({ body }) => !schemas.types.includes(body.type));
    assert.deepEqual(unknown, []);
  });

  test('a full disk is told in the system account', async () => {
    const lab = new Lab();
    await lab.create({ name: 'S', subjects: ['s.>'] });
    const told: { type: string; stream: string }[] = [];
    const system = lab.broker.internalClient(lab.broker.account('$SYS'));
    system.subscribe('$JS.EVENT.>', ({ payload }) => void told.push(JSON.parse(payload.toString())));
    lab.disk.capacity = 0;
    await assert.rejects(lab.publish('s.1', 'x'.repeat(1000)));
    assert.equal(told[0]?.stream, 'S');
    assert.deepEqual(told.map((each) => schemas.problems(each)).filter(Boolean), []);
    assert.deepEqual([...new Set(told.map(({ type }) => type))], NOT_PLAYED);
    await lab.close();
  });
});
