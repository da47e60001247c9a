// What of a monitoring answer differs between two runs of the same server, and what is each server's own business. A
// masked value leaves its kind behind ('<time>', '<number>'), and keys keep their order.

const VOLATILE = new Set([
  ...[
    'server_id',
    'now',
    'start',
    'config_load_time',
    'update_time',
    'last_activity',
    'stop',
    'uptime',
    'idle',
    'rtt',
  ],
  ...['mem', 'cores', 'gomaxprocs', 'cpu', 'port', 'http_port', 'go', 'xkey', 'config_digest'],
  // What was queued when a connection closed depends on how far the last write got.
  'pending_bytes',
]);

/** How a server keeps its interest, and how many subscriptions it has for itself, is its own business. */
const INTERNAL = new Set([
  ...[
    'num_subscriptions',
    'num_cache',
    'num_inserts',
    'num_removes',
    'num_matches',
    'cache_hit_rate',
    'max_fanout',
  ],
  ...['avg_fanout', 'waits', 'wait_time', 'max_wait_time', 'waiters'],
]);

/** Keys only one of the servers has, on purpose: they are left out of the comparison. */
const EXTRA = new Set(['git_commit', 'weft_version']);

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;
const UPTIME = /^(\d+y)?(\d+d)?(\d+h)?(\d+m)?\d+s$/;
const DURATION = /^(\d+h)?(\d+m)?\d+(\.\d+)?(ns|µs|ms|s)$/;

export interface MaskOptions {
  /** The first client's connection id: ids become distances from it. */
  readonly firstId: number;
  /** The server's id, replaced wherever it stands. */
  readonly serverId: string;
  /** More keys to mask. */
  readonly also?: readonly string[];
  /** Keys of arrays that have no order: their elements are sorted. */
  readonly unordered?: readonly string[];
}

/** The JSON value with everything volatile replaced by its kind. */
export function mask(value: unknown, options: MaskOptions, key = ''): unknown {
  if (Array.isArray(value)) {
    const items = value.map((item) => mask(item, options, key));
    return options.unordered?.includes(key) ? items.sort(byText) : items;
  }
  if (value && typeof value === 'object') {
    const entries = Object.entries(value).filter(([name]) => !EXTRA.has(name));
    return Object.fromEntries(entries.map(([name, item]) => [name, mask(item, options, name)]));
  }
  if (key === 'cid' && typeof value === 'number') {
    return value < options.firstId ? '<the server itself>' : `first+${value - options.firstId}`;
  }
  if (VOLATILE.has(key) || INTERNAL.has(key) || options.also?.includes(key)) return kind(value);
  if (typeof value === 'string' && options.serverId) return value.replaceAll(options.serverId, '<server id>');
  return value;
}

function kind(value: unknown): string {
  if (typeof value !== 'string') return `<${typeof value}>`;
  if (TIME.test(value)) return '<time>';
  // Uptimes and idle times are whole seconds and so also durations.
  if (UPTIME.test(value)) return '<uptime>';
  if (DURATION.test(value)) return '<duration>';
  return '<string>';
}

function byText(a: unknown, b: unknown): number {
  return JSON.stringify(a) < JSON.stringify(b) ? -1 : 1;
}
