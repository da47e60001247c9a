// Names of sources and the header of what was copied: the forms of the official server, old ones too.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  indexName,
  mirrorConsumerHash,
  readDelivery,
  readSourceMark,
  sourceConsumerHash,
  streamIdentity,
  writeSourceMark,
} from '../../src/jetstream/source-names.js';
import { shortHash } from '../../src/jetstream/store/layout.js';
import { type StreamSource, streamSource } from '../../src/jetstream/stream-config.js';

const source = (changes: Partial<StreamSource>): StreamSource => ({
  ...streamSource.zero(),
  name: 'O',
  ...changes,
});

test('the index name of a source', () => {
  const external = { api: 'JS.a.API', deliver: 'd' };
  const transforms = [
    { src: 'a.*', dest: '' },
    { src: '', dest: 'c' },
  ];
  const cases: [Partial<StreamSource>, string][] = [
    [{}, 'O > >'],
    [{ filter_subject: 'a.>' }, 'O a.> >'],
    [{ subject_transforms: transforms }, 'O a.*\f> >\fc'],
    [{ external }, `O:${shortHash('JS.a.API')} > >`],
    [
      { external, consumer: { name: 'c', deliver_subject: 'x' } },
      `O:${shortHash('JS.a.API')}:C=${shortHash('c')} > >`,
    ],
    [{ filter_subject: 'é' }, 'O \xc3\xa9 >'],
  ];
  for (const [changes, name] of cases) assert.equal(indexName(source(changes)), name);
});

test('consumers of streams that copy one origin more than once have names of their own', () => {
  const [one, two] = [source({ filter_subject: 'a' }), source({ filter_subject: 'b' })];
  const hash = (of: StreamSource, all: StreamSource[]) => sourceConsumerHash('S', '$G', 'hub', of, all);
  const plain = shortHash(mirrorConsumerHash('S', '$G', 'hub'));
  assert.equal(hash(one, [one, source({ name: 'P' })]), plain);
  assert.notEqual(hash(one, [one, two]), plain);
  assert.notEqual(hash(one, [one, two]), hash(two, [one, two]));
  assert.notEqual(mirrorConsumerHash('S', '$G', 'hub'), mirrorConsumerHash('S', '$G', ''));
});

test('the identity of a stream is that of its time, however it is written', () => {
  assert.equal(streamIdentity('2026-01-02T03:04:05.5Z'), streamIdentity('2026-01-02T04:04:05.5+01:00'));
  assert.match(streamIdentity('2026-01-02T03:04:05Z'), /^[0-9A-Za-z]{8}$/);
});

test('the header of what was copied is read as it was written', () => {
  const word = fc.stringMatching(/^[!-~\f]{1,12}$/);
  fc.assert(
    fc.property(
      fc.tuple(word, word, word),
      fc.nat(),
      word,
      fc.constantFrom('', 'a1B2c3D4'),
      (index, sequence, subject, identity) => {
        fc.pre(!index[0].startsWith('$JS.ACK.'));
        const name = index.join(' ');
        const mark = readSourceMark(writeSourceMark(name, sequence, subject, identity));
        assert.deepEqual(mark, { origin: index[0], sequence, indexName: name, identity });
      },
    ),
  );
});

test('headers of older servers', () => {
  const old = (origin: string, sequence: number) => ({ origin, sequence, indexName: '', identity: '' });
  assert.deepEqual(readSourceMark('$JS.ACK.O.c.1.22.3.1700000000000000000.0'), old('O', 22));
  assert.deepEqual(readSourceMark('$JS.ACK.d.h.O.c.1.22.3.1700000000000000000.0'), old('O', 22));
  assert.deepEqual(readSourceMark('O 7'), old('O', 7));
  assert.deepEqual(readSourceMark('O 7 a >'), {
    origin: 'O',
    sequence: 7,
    indexName: 'O a >',
    identity: '',
  });
  for (const bad of ['', 'O', 'O x', 'O 7 a', '$JS.ACK.O', '$JS.ACK.O.c.1.x.3.1.0'])
    assert.equal(readSourceMark(bad), null, bad);
});

test('what a delivery says of itself', () => {
  const delivery = {
    consumer: 'c',
    deliveries: 1,
    sequence: 22,
    consumerSequence: 3,
    time: 1_700_000_000_000_000_001n,
    pending: 9,
  };
  assert.deepEqual(readDelivery('$JS.ACK.O.c.1.22.3.1700000000000000001.9'), delivery);
  assert.deepEqual(readDelivery('$JS.ACK.d.h.O.c.1.22.3.1700000000000000001.9'), delivery);
  for (const bad of ['', 'reply', '$JS.ACK.O.c.1.22.3.x.9', '$JS.FC.O.c.1.22.3.1.9'])
    assert.equal(readDelivery(bad), null, bad);
});
