// What the log says of feature flags, as the official server says it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { featureFlagLines, featureFlags } from '../../src/config/feature-flags.js';

test('flags that are not known count for nothing', () => {
  assert.deepEqual(featureFlags({ js_ack_fc_v2: true, bogus: true }), {
    js_ack_fc_v2: true,
    js_api_reply_v2: false,
    js_raft_delete_range: true,
    js_snapshot_sources: false,
  });
});

test('the log tells of those that are configured', () => {
  assert.deepEqual(featureFlagLines({}), []);
  assert.deepEqual(featureFlagLines({ bogus: true, also: false }), [
    '  Feature flags:',
    '    Configured:    none',
    '    Unsupported:   also, bogus',
  ]);
  const flags = {
    js_snapshot_sources: false,
    js_raft_delete_range: false,
    js_ack_fc_v2: true,
  };
  const shown = 'js_ack_fc_v2 (opt-in), js_raft_delete_range (opt-out), js_snapshot_sources (disabled)';
  assert.deepEqual(featureFlagLines(flags), ['  Feature flags:', `    Configured:    ${shown}`]);
  assert.match(featureFlagLines({ js_raft_delete_range: true })[1]!, /js_raft_delete_range \(enabled\)$/);
});
