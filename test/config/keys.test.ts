/** The table of keys: complete, consistent with what reads it, and printed as it is. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { readers } from '../../src/config/blocks.js';
import { parseGoDuration } from '../../src/config/go-format.js';
import { findKey, type KeySpec, keyGroups, keyName } from '../../src/config/keys.js';
import { loadOptions } from '../../src/config/load.js';
import { defaultOptions } from '../../src/config/options.js';
import type { ServerConfig } from '../../src/config/server-config.js';

const root = join(import.meta.dirname, '..', '..', '..');
const specs: KeySpec[] = Object.values(keyGroups()).flat();
const sources = { env: {}, readFile: () => '' };

const capabilities = new Set<string>([
  ...['core', 'accounts', 'cluster', 'gateways', 'jwt', 'leafnodes', 'mqtt', 'ocsp'],
  ...['profiling', 'syslog', 'websocket', 'windows certificate store'],
]);

test('rows are whole and paths differ', () => {
  assert.ok(specs.length >= 348);
  assert.equal(new Set(specs.map((spec) => spec.path)).size, specs.length);
  for (const spec of specs) {
    assert.ok(capabilities.has(spec.capability), `${spec.path}: ${spec.capability}`);
    assert.match(spec.reload, /^(yes|no|partly|increase only)/, spec.path);
    assert.match(spec.since, /^(\d+\.\d+(\.\d+)?)?$/, spec.path);
    assert.match(spec.path, /^[a-z_]+(\[\])?(\.(<[a-z]+>|[a-z0-9_]+)(\[\])?)*$/);
    assert.ok(spec.capability !== 'core' || spec.meaning !== '', spec.path);
    assert.notEqual(spec.type, '', spec.path);
  }
});

test('every top-level key that works is read, and no other', () => {
  const top = specs.filter((spec) => !/[.[]|^permissions/.test(spec.path));
  const working = top.filter((spec) => spec.capability === 'core').map((spec) => spec.path);
  assert.deepEqual(working.sort(), Object.keys(readers).sort());
});

/** The compiler keeps this list and the type the same. */
const typedKeys: Record<keyof ServerConfig, true> = {
  listen: true,
  host: true,
  port: true,
  client_advertise: true,
  server_name: true,
  server_tags: true,
  server_metadata: true,
  feature_flags: true,
  default_js_domain: true,
  authorization: true,
  jetstream: true,
  store_dir: true,
  accounts: true,
  mappings: true,
  no_auth_user: true,
  system_account: true,
  no_system_account: true,
  tls: true,
  allow_non_tls: true,
  proxy_protocol: true,
  proxies: true,
  max_control_line: true,
  max_payload: true,
  max_pending: true,
  max_connections: true,
  max_subscriptions: true,
  max_subscription_tokens: true,
  max_closed_clients: true,
  max_traced_msg_len: true,
  ping_interval: true,
  ping_max: true,
  write_deadline: true,
  write_timeout: true,
  no_fast_producer_stall: true,
  lame_duck_duration: true,
  lame_duck_grace_period: true,
  no_header_support: true,
  disable_sublist_cache: true,
  connect_error_reports: true,
  reconnect_error_reports: true,
  debug: true,
  trace: true,
  trace_verbose: true,
  trace_headers: true,
  logtime: true,
  logtime_utc: true,
  log_file: true,
  logfile_size_limit: true,
  logfile_max_num: true,
  pid_file: true,
  ports_file_dir: true,
  http: true,
  https: true,
  http_port: true,
  https_port: true,
  http_base_path: true,
};

test('the type of configuration objects has every key that works', () => {
  assert.deepEqual(Object.keys(typedKeys).sort(), Object.keys(readers).sort());
});

test('names and aliases are found in any case', () => {
  assert.equal(findKey('', 'MAX_CONN')?.path, 'max_connections');
  assert.equal(findKey('authorization', 'Username')?.path, 'authorization.user');
  assert.equal(keyName(findKey('proxies.trusted[]', 'public_key')!), 'key');
  assert.equal(findKey('', 'nosuch'), undefined);
});

test('defaults in the table are the defaults', () => {
  const fields: Record<string, keyof ReturnType<typeof defaultOptions>> = {
    host: 'host',
    port: 'port',
    max_payload: 'maxPayload',
    max_pending: 'maxPending',
    max_control_line: 'maxControlLine',
    max_connections: 'maxConnections',
    max_closed_clients: 'maxClosedClients',
    ping_max: 'pingMax',
    ping_interval: 'pingInterval',
    write_deadline: 'writeDeadline',
    write_timeout: 'writeTimeout',
    lame_duck_duration: 'lameDuckDuration',
    lame_duck_grace_period: 'lameDuckGracePeriod',
    connect_error_reports: 'connectErrorReports',
    reconnect_error_reports: 'reconnectErrorReports',
    logtime: 'logtime',
    debug: 'debug',
    trace: 'trace',
    http_port: 'httpPort',
    max_traced_msg_len: 'maxTracedMsgLen',
    logfile_size_limit: 'logSizeLimit',
    no_header_support: 'noHeaderSupport',
  };
  const defaults = defaultOptions();
  for (const [path, field] of Object.entries(fields)) {
    const spec = findKey('', path)!;
    const written = spec.type.startsWith('duration') ? String(parseGoDuration(spec.default)) : spec.default;
    assert.equal(written, String(defaults[field]), path);
  }
});

test('keys of what is not there yet are errors that say so, at their place', () => {
  for (const spec of specs.filter((one) => one.capability !== 'core' && /^[a-z_]+$/.test(one.path))) {
    const { errors } = loadOptions({
      ...sources,
      configFile: 'x.conf',
      configText: `\n  ${spec.path}: "something"`,
    });
    const text = `x.conf:2:3: "${spec.path}" is not supported by this version of weft-server yet`;
    assert.deepEqual(errors, [text]);
  }
});

test('the same within blocks', () => {
  const cases: [string, string][] = [
    ['tls { ocsp_peer: true }', 'ocsp_peer'],
    ['tls { cert_store: windowscurrentuser }', 'cert_store'],
    ['cluster { port: 6222 }', 'cluster'],
  ];
  for (const [text, key] of cases) {
    const { errors } = loadOptions({ ...sources, configText: text });
    assert.equal(errors.length, 1, text);
    assert.match(
      errors[0]!,
      new RegExp(`^:1:\\d+: "${key}" is not supported by this version of weft-server yet$`),
      text,
    );
  }
});

test('the reference pages are what the table says', () => {
  const script = join(root, 'scripts', 'reference.mjs');
  const checked = spawnSync(process.execPath, [script, '--check'], { encoding: 'utf8' });
  assert.equal(checked.status, 0, checked.stderr);
});
