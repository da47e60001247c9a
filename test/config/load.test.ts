/** Options from files, flags and objects. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseFlags } from '../../src/config/flags.js';
import { type LoadResult, loadOptions, optionsFromObject } from '../../src/config/load.js';
import type { ServerOptions } from '../../src/config/options.js';
import { diffOptions } from '../../src/config/reload.js';
import type { ServerConfig } from '../../src/config/server-config.js';
import { authTimeout } from '../../src/config/validate.js';
import { publicNkey } from './nkeys.js';

function load(configText: string, ...argv: string[]): LoadResult {
  const flags = parseFlags(argv);
  assert.equal(flags.kind, 'run');
  const readFile = () => {
    throw Object.assign(new Error('no file'), { code: 'ENOENT' });
  };
  return loadOptions({
    configText,
    env: {},
    readFile,
    ...(flags.kind === 'run' ? { flags: flags.flags } : {}),
  });
}

function options(configText: string, ...argv: string[]): ServerOptions {
  const { errors, options: loaded } = load(configText, ...argv);
  assert.deepEqual(errors, []);
  return loaded;
}

describe('from text', () => {
  test('general keys', () => {
    const loaded = options(`
      listen: "127.0.0.1:4333", server_name: x; http: 8222
      max_conn: 0, max_payload: 2MB, ping_interval: "1m30s", write_timeout: retry
      trace_verbose: true, server_tags: [B, " a ", b], server_metadata: {k: v, "__proto__": w}
      log_size_limit: 5GB, http_base_path: "/x", lame_duck_duration: "45s"`);
    assert.equal(loaded.host, '127.0.0.1');
    assert.equal(loaded.port, 4333);
    assert.equal(loaded.serverName, 'x');
    assert.equal(loaded.httpHost, '127.0.0.1');
    assert.equal(loaded.httpPort, 8222);
    assert.equal(loaded.maxConnections, -1);
    assert.equal(loaded.maxPayload, 2 * 1024 * 1024);
    assert.equal(loaded.pingInterval, 90_000);
    assert.equal(loaded.writeTimeout, 'retry');
    assert.equal(loaded.trace && loaded.traceVerbose, true);
    assert.deepEqual(loaded.serverTags, ['b', 'a']);
    assert.deepEqual(Object.entries(loaded.serverMetadata), [
      ['k', 'v'],
      ['__proto__', 'w'],
    ]);
    assert.equal(loaded.logSizeLimit, 5 * 1024 ** 3);
    assert.equal(loaded.lameDuckDuration, 45_000);
  });

  test('a negative size of what JetStream may store is none, zero is one', () => {
    const loaded = options('jetstream { max_mem: -1, max_file: "-1G" }');
    assert.deepEqual([loaded.jetstream.maxMemory, loaded.jetstream.maxStore], [undefined, undefined]);
    const nothing = options('jetstream { max_mem: 0, max_file: 0 }');
    assert.deepEqual([nothing.jetstream.maxMemory, nothing.jetstream.maxStore], [0, 0]);
  });

  test('zero is the default where it is so officially', () => {
    const loaded = options('port: 0, ping_max: 0, max_payload: 0, write_deadline: "0s", max_pending: 0');
    assert.equal(loaded.port, 4222);
    assert.equal(loaded.pingMax, 2);
    assert.equal(loaded.maxPayload, 1048576);
    assert.equal(loaded.writeDeadline, 10_000);
    assert.equal(loaded.maxPending, 67108864);
  });

  test('users of the authorization block and of accounts', () => {
    const nkey = publicNkey('user');
    const { authorization, accounts } = options(`
      authorization {
        default_permissions { publish: "d.>", subscribe { deny: "x" } }
        users: [ {user: a, pass: p}, {nkey: ${nkey}, permissions { sub: "b.* q", allow_responses: true }, clients: mqtt} ]
        timeout: 1.5
      }
      accounts { A { users: [{user: c, proxy_required: true}], default_permissions { publish: "e" } }, B {} }`);
    assert.deepEqual(authorization.users, [
      {
        username: 'a',
        password: 'p',
        permissions: { publish: { allow: ['d.>'] }, subscribe: { deny: ['x'] } },
      },
      {
        nkey,
        permissions: {
          subscribe: { allow: ['b.* q'] },
          responses: { maxMsgs: 1, expires: 120_000 },
          publish: { allow: [] },
        },
        allowedConnectionTypes: ['MQTT'],
      },
      { username: 'c', proxyRequired: true, account: 'A', permissions: { publish: { allow: ['e'] } } },
    ]);
    assert.equal(authorization.timeout, 1500);
    assert.deepEqual(
      accounts.map((account) => account.name),
      ['A', 'B'],
    );
  });

  test('subjects are kept as bytes', () => {
    const { authorization } = options('authorization { users: [{user: a, permissions {publish: "é"}}] }');
    assert.deepEqual(authorization.users[0]!.permissions!.publish!.allow, ['\xc3\xa9']);
  });

  test('responses without limits', () => {
    const { authorization } = options(
      'authorization { default_permissions { allow_responses { max: -5, ttl: "-1s" }, pub: {allow: a} } }',
    );
    assert.deepEqual(authorization.defaultPermissions, {
      responses: { maxMsgs: -1, expires: -1 },
      publish: { allow: ['a'] },
    });
  });

  test('tls', () => {
    const { tls } = options(
      'tls { verify_and_map: yes, handshake_first: "300ms", timeout: 0.5, min_version: "1.3" }',
    );
    assert.equal(tls!.verify && tls!.verifyAndMap && tls!.handshakeFirst, true);
    assert.equal(tls!.handshakeFirstFallback, 300);
    assert.equal(tls!.timeout, 500);
    assert.equal(tls!.minVersion, '1.3');
    assert.equal(authTimeout(options('tls {timeout: 5}')), 6000);
  });

  test('mixtures that make no sense', () => {
    const cases: [string, string][] = [
      [
        'authorization {user: a}\naccounts {A {users: [{user: b}]}}',
        ':2:14: Can not have a single user/pass and accounts',
      ],
      [
        'authorization {token: a}\naccounts {A {users: [{user: b}]}}',
        ':2:14: Can not have a token and accounts',
      ],
      [
        'accounts {A {users: [{user: b}]}}\nauthorization {user: a}',
        ':2:1: Can not have a single user/pass and a users array',
      ],
      ['accounts {A {users: [{user: b}]}, B {users: [{user: b}]}}', ':1:37: Duplicate user "b" detected'],
      [
        'authorization {users: [{user: b}]}\naccounts {A {users: [{user: b}]}}',
        ':2:14: Duplicate user "b" detected',
      ],
      ['accounts: x', ':1:0: Expected map entries for accounts'],
      [
        'client_advertise: "a:b:1"',
        'Error setting server INFO with ClientAdvertise value of a:b:1, err=address a:b:1: too many colons in address',
      ],
      ['https: 8222', 'TLS cert and key required for HTTPS'],
      ['http: 8222, https: 8223, tls {}', "can't specify both HTTP (8222) and HTTPs (8223) ports"],
    ];
    for (const [text, error] of cases) assert.deepEqual(load(text).errors, [error]);
  });

  test('warnings do not keep a server from starting', () => {
    const loaded = load('ping_interval: 5');
    assert.equal(loaded.options.pingInterval, 5000);
    assert.deepEqual(loaded.errors, []);
    assert.equal(loaded.text, `${loaded.warnings[0]}\n`);
  });
});

describe('flags', () => {
  test('win over the file, and over a reloaded one', () => {
    const argv = ['-p', '5000', '--addr=localhost', '-DV', '--user', 'u', '--pass=p', '-T=false', '-m', '-1'];
    const loaded = options('port: 4333, debug: false, logtime: true, host: "1.2.3.4"', ...argv);
    assert.equal(loaded.port, 5000);
    assert.equal(loaded.host, 'localhost');
    assert.equal(loaded.debug && loaded.trace, true);
    assert.equal(loaded.logtime, false);
    assert.equal(loaded.httpPort, -1);
    assert.deepEqual([loaded.authorization.username, loaded.authorization.password], ['u', 'p']);
    const again = options('port: 4444, max_payload: 5', ...argv);
    assert.equal(diffOptions(loaded, again).refused, null);
  });

  test('that are not given leave the file alone', () => {
    const loaded = options('logtime: false, port: 4333', '-D');
    assert.equal(loaded.logtime, false);
    assert.equal(loaded.port, 4333);
  });

  test('combined traces count last', () => {
    const loaded = options('', '-V=false', '-DVV');
    assert.equal(loaded.debug && loaded.trace && loaded.traceVerbose, true);
    assert.equal(options('trace: true, debug: true', '-DV=false').trace, false);
  });

  test('--tls=false switches off what the file says', () => {
    assert.equal(options('tls {verify: true}', '--tls=false').tls, undefined);
  });

  test('that are not there yet are named as they were written', () => {
    const cases: [string[], string][] = [
      [['--cluster', 'nats://x:1'], '--cluster'],
      [['-routes=a'], '-routes'],
      [['--profile', '1'], '--profile'],
      [['-D', '-s'], '-s'],
    ];
    for (const [argv, flag] of cases) {
      assert.deepEqual(parseFlags(argv), {
        kind: 'error',
        stderr: `weft-server: flag ${flag} is not supported by this version of weft-server yet\n`,
        stdout: '',
        exitCode: 1,
      });
    }
    assert.equal(parseFlags(['-js=false', '--cluster', '', '--profile', '0', '-s=0']).kind, 'run');
  });

  test('signals', () => {
    assert.deepEqual(parseFlags(['--signal', 'reload=123']), {
      kind: 'signal',
      command: 'reload',
      target: '123',
    });
    assert.deepEqual(parseFlags(['-sl=quit']), { kind: 'signal', command: 'quit', target: undefined });
  });

  test('the kinds of command lines', () => {
    assert.equal(parseFlags(['-v']).kind, 'version');
    assert.equal(parseFlags(['-D', 'VERSION']).kind, 'version');
    assert.equal(parseFlags(['-c', 'x', '-t']).kind, 'check');
    assert.equal(parseFlags(['-c', 'x']).kind, 'run');
    assert.equal(parseFlags(['-h']).kind, 'help');
  });
});

describe('from an object', () => {
  test('the same keys, the same options', () => {
    const config: ServerConfig = {
      listen: '127.0.0.1:-1',
      authorization: {
        users: [{ user: 'a', pass: 'b', permissions: { publish: ['x.>'], allow_responses: { max: 2 } } }],
      },
      tls: { verify: true, timeout: 1.5 },
      server_tags: ['a'],
      no_auth_user: 'a',
    };
    const fromObject = optionsFromObject(config);
    assert.deepEqual(fromObject.errors, []);
    assert.deepEqual(fromObject.options, {
      ...options(JSON.stringify(config)),
      configDigest: '',
      tls: fromObject.options.tls,
    });
    assert.equal(fromObject.options.tls!.timeout, 1500);
  });

  test('errors name the path', () => {
    const errors = (config: unknown) => optionsFromObject(config as ServerConfig).errors;
    assert.deepEqual(errors({ port: 'x' }), [
      'port: interface conversion: interface {} is string, not int64',
    ]);
    assert.deepEqual(errors({ authorization: { users: [{ nosuch: 1, user: 'a' }] } }), [
      'authorization.users[0].nosuch: unknown field "nosuch"',
    ]);
    assert.deepEqual(errors({ cluster: { port: 1 } }), [
      'cluster: "cluster" is not supported by this version of weft-server yet',
    ]);
    assert.deepEqual(errors({ host: null }), ['host: null is no value of a configuration']);
    assert.deepEqual(errors({ host: undefined }), []);
    assert.deepEqual(errors({ no_auth_user: 'a' }), [
      'no_auth_user: "a" present, but users/nkeys are not defined',
    ]);
    const endless: Record<string, unknown> = {};
    endless.server_metadata = endless;
    assert.match(errors(endless)[0]!, /nested deeper than 100 levels/);
  });

  test('an empty object is fine', () => {
    assert.deepEqual(optionsFromObject({}).warnings, []);
    assert.equal(optionsFromObject({}).options.port, 4222);
  });
});
