import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorReference } from '../../src/protocol/error-reference.js';
import { clientErrors } from '../../src/protocol/errors.js';

test('every error text is explained once', () => {
  const explained = errorReference.map(({ text }) => text);
  assert.equal(new Set(explained).size, explained.length);
  for (const text of Object.values(clientErrors)) assert.ok(explained.includes(text), text);
});
