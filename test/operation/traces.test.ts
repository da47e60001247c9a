/** How the operations of a client appear in the trace of a running server. The official server does the same where it is at hand. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { officialBinary, weftBinary } from '../support/official.js';
import { client, lines, start } from './process.js';

const binaries = { weft: weftBinary(), ...(officialBinary() ? { official: officialBinary()! } : {}) };

/** What is traced of the client's own operations, once `last` is in the log. */
async function traced(binary: string, operations: string, last: string): Promise<string[]> {
  await using server = await start('', ['-V'], binary);
  const from = server.log.length;
  const one = await client(server.port, { headers: true });
  one.write(operations);
  for (let i = 0; i < 200 && !server.log.slice(from).includes(last); i++)
    await new Promise((resolve) => setTimeout(resolve, 20));
  return lines(server.log.slice(from))
    .filter((line) => line.includes('cid:') && /<<- \[(SUB|UNSUB|H?PUB)/i.test(line))
    .map((line) => line.replace(/^.*?<<- /, ''));
}

for (const [name, binary] of Object.entries(binaries)) {
  describe(`traces, ${name}`, () => {
    // Most clients leave the queue or the reply out by leaving nothing between two spaces.
    test('arguments are shown as they were sent', async () => {
      const operations = [
        'SUB foo  1',
        'SUB\tfoo \tq  2 ',
        'sub b 3\t',
        'UNSUB 1 ',
        'UNSUB  2  7',
        'Unsub 3 x',
        'PUB foo  1\r\nx',
        'PUB \tfoo\tr  1\r\nx',
        'PUB foo 1\r\nx',
        'PUB foo 1 \r\nx',
        'hpub foo  12 13\r\nNATS/1.0\r\n\r\nx',
        'HPUB foo r 12 13\r\nNATS/1.0\r\n\r\nx',
        'HPUB foo 0  1\r\nx',
        'HPUB foo 0 1\r\nx',
        'SUB last 9',
      ];
      const bytes = operations.map((operation) => `${operation}\r\n`).join('');
      assert.deepEqual(await traced(binary, `${bytes}SUB d 4\nUNSUB 4 \n`, '[UNSUB 4'), [
        '[SUB foo  1]',
        '[SUB foo \tq  2 ]',
        '[SUB b 3\t]',
        '[UNSUB 1 ]',
        '[UNSUB 2  7]',
        '[UNSUB 3 x]',
        '[PUB foo  1]',
        '[PUB foo\tr  1]',
        '[PUB foo 1]',
        '[PUB foo 1 ]',
        '[HPUB foo  12 13]',
        '[HPUB foo r 12 13]',
        '[HPUB foo 0  1]',
        '[HPUB foo 0 1]',
        '[SUB last 9]',
        '[SUB d 4]',
        '[UNSUB 4 ]',
      ]);
    });

    test('and before they are refused', async () => {
      for (const line of ['SUB foo', 'SUB a b c d', 'UNSUB 1 2 3', 'PUB foo', 'PUB foo x', 'HPUB foo 5 4']) {
        assert.deepEqual(await traced(binary, `${line}\r\n`, `[${line}]`), [`[${line}]`]);
      }
    });
  });
}
