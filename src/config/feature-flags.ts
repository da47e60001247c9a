/** The switches of `feature_flags`: which there are, how they are set, and what the log says of them at start. */

/** Switches of the official server with their defaults; the configuration may turn them over. */
const knownFeatureFlags: Readonly<Record<string, boolean>> = {
  js_ack_fc_v2: false,
  js_api_reply_v2: false,
  js_raft_delete_range: true,
  js_snapshot_sources: false,
};

/** All switches, as the configuration has them. */
export function featureFlags(configured: Readonly<Record<string, boolean>>): Record<string, boolean> {
  const known = Object.entries(configured).filter(([name]) => Object.hasOwn(knownFeatureFlags, name));
  return { ...knownFeatureFlags, ...Object.fromEntries(known) };
}

/** The lines of the log on those that are configured; none where none is. */
export function featureFlagLines(configured: Readonly<Record<string, boolean>>): string[] {
  const names = Object.keys(configured).sort();
  if (names.length === 0) return [];
  const known = names.filter((name) => Object.hasOwn(knownFeatureFlags, name));
  const unknown = names.filter((name) => !known.includes(name));
  const shown = known.map((name) => `${name} (${state(knownFeatureFlags[name]!, configured[name]!)})`);
  const lines = ['  Feature flags:', `    Configured:    ${shown.join(', ') || 'none'}`];
  if (unknown.length > 0) lines.push(`    Unsupported:   ${unknown.join(', ')}`);
  return lines;
}

function state(byDefault: boolean, on: boolean): string {
  if (byDefault) return on ? 'enabled' : 'opt-out';
  return on ? 'opt-in' : 'disabled';
}
