// What the store's codecs cost, in CPU time: `node scripts/build.mjs --tests && node bench/codecs.mjs`.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';

const build = new URL('../build/src/', import.meta.url);
const load = (name) => import(new URL(name, build).href);
const { HighwayHash, hashKey } = await load('runtime/highway-hash.js');
const { RecordView, readVerifiedRecord, writeMessage } = await load('jetstream/store/record.js');
const { decodeBlock, S2BlockEncoder } = await load('runtime/s2.js');
const { maxEncodedLength } = await load('runtime/s2-block.js');
const { crc32c } = await load('runtime/crc32c.js');

/** CPU time of one of `count` runs of `action`, in nanoseconds, the best of five. */
function nanoseconds(count, action) {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5; round++) {
    const before = process.cpuUsage();
    action(count);
    const { user, system } = process.cpuUsage(before);
    best = Math.min(best, ((user + system) * 1000) / count);
  }
  return best;
}

const print = (label, value) => console.log(`${label.padEnd(44)} ${value}`);

function records(label, payload, headers, to, start) {
  const hash = records.hash;
  const key = hashKey('ORDERS-1');
  const body = new Uint8Array(payload + headers);
  const end = start + 1_000_000;
  let last = start;
  const write = nanoseconds(500_000, (count) => {
    let at = start;
    for (let i = 1; i <= count; i++) {
      if (at > end) at = start;
      at = writeMessage(hash, key, to, at, i, 1, 2, 'orders.1234', body, 0, headers, payload);
      last = Math.max(last, at);
    }
  });
  const view = new RecordView();
  const verify = nanoseconds(500_000, (count) => {
    let at = start;
    for (let i = 0; i < count; i++) {
      if (at >= last) at = start;
      if (readVerifiedRecord(hash, key, to, at, last, view) !== null) throw new Error('bad record');
      at = view.end;
    }
  });
  print(label, `write ${write.toFixed(0)} ns, verify ${verify.toFixed(0)} ns`);
}

records.hash = new HighwayHash();
const some = new Uint8Array(2_000_000);
const out = Buffer.alloc(8);
const key = hashKey('ORDERS-1');
for (const size of [40, 170, 4096]) {
  const count = size > 1000 ? 100_000 : 1_000_000;
  const time = nanoseconds(count, (n) => {
    for (let i = 0; i < n; i++) records.hash.hash(key, some, 0, size, out, 0);
  });
  print(`hash of ${size} bytes`, `${time.toFixed(0)} ns`);
}
records('records of 128 B', 128, 0, some, 0);
records('records of 128 B with 40 B of headers', 128, 40, some, 0);

function compression(label, content) {
  const encoder = new S2BlockEncoder();
  const target = Buffer.alloc(maxEncodedLength(content.length));
  let length = 0;
  const encode = nanoseconds(10, (n) => {
    for (let i = 0; i < n; i++) length = encoder.encode(content, 0, content.length, target, 0);
  });
  const decode = nanoseconds(10, (n) => {
    for (let i = 0; i < n; i++) decodeBlock(target.subarray(0, length));
  });
  const speed = (time) => `${((content.length * 1000) / time).toFixed(0)} MB/s`;
  print(
    label,
    `to ${((length * 100) / content.length).toFixed(0)} %, ${speed(encode)}, back ${speed(decode)}`,
  );
}

const MIB = 1024 * 1024;
const source = readFileSync(new URL('runtime/s2-block.js', build));
let orders = '';
for (let i = 0; orders.length < MIB; i++) {
  orders += `{"order":${i},"customer":"c${(i * 7919) % 1000}","amount":${((i * 104729) % 99999) / 100}}`;
}
compression('S2 of JSON', Buffer.from(orders).subarray(0, MIB));
compression('S2 of a source file', source);
compression('S2 of noise', randomBytes(MIB));
const noise = randomBytes(MIB);
const crc = nanoseconds(20, (n) => {
  for (let i = 0; i < n; i++) crc32c(noise);
});
print('CRC-32C', `${((MIB * 1000) / crc).toFixed(0)} MB/s`);
