import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Nuid } from '../../src/runtime/nuid.js';

test('ids have 22 digits, begin alike, count up and never repeat', () => {
  const ids = new Nuid();
  const made = Array.from({ length: 10_000 }, () => ids.next());
  for (const id of made) assert.match(id, /^[0-9A-Za-z]{22}$/);
  assert.equal(new Set(made).size, made.length);
  assert.deepEqual([...made].sort(), made);
  assert.equal(new Set(made.map((id) => id.slice(0, 12))).size, 1);
  assert.notEqual(new Nuid().next().slice(0, 12), made[0]!.slice(0, 12));
});
