/** What accounts exchange: read, put together, and refused where it does not fit. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { loadOptions, optionsFromObject } from '../../src/config/load.js';
import type { AccountOptions } from '../../src/config/options.js';

function load(configText: string) {
  return loadOptions({ configText, configFile: 'x.conf', env: {}, readFile: () => '' });
}

function accounts(block: string): AccountOptions[] {
  const { options, errors } = load(`accounts { ${block} }`);
  assert.deepEqual(errors, []);
  return options.accounts;
}

describe('options', () => {
  test('of exports', () => {
    const [a] = accounts(`
      B {}, A { exports: [
        {stream: "é.>", accounts: [B]}
        {service: s, response: chunk, threshold: "1s", allow_trace: true}
        {service: "t.*", account_token_position: 2, latency: {sampling: "25%", subject: m}}
        {service: u, latency: {sampling: headers, subject: m}}
        {service: v, latency: m, accounts: [], response: single, response_max_time: "0s"}
        {accounts: [B]}
      ] }`).filter(({ name }) => name === 'A');
    assert.deepEqual(a!.exports, [
      { kind: 'stream', subject: '\u00c3\u00a9.>', accounts: ['B'], allowTrace: false },
      { kind: 'service', subject: 's', responseType: 'chunked', responseThreshold: 1000, allowTrace: true },
      {
        kind: 'service',
        subject: 't.*',
        tokenPosition: 2,
        latency: { sampling: 25, subject: 'm' },
        allowTrace: false,
      },
      { kind: 'service', subject: 'u', latency: { sampling: 0, subject: 'm' }, allowTrace: false },
      {
        kind: 'service',
        subject: 'v',
        accounts: undefined,
        responseType: 'singleton',
        responseThreshold: undefined,
        latency: { sampling: 100, subject: 'm' },
        allowTrace: false,
      },
    ]);
  });

  test('of imports', () => {
    const [, a] = accounts(`
      B { exports: [{stream: ">"}, {service: ">"}] }
      A { imports: [
        {stream: {account: B, subject: x}, allow_trace: true, share: true}
        {prefix: p, stream: {account: B, subject: "y.>"}}
        {to: "z.$1", stream: {account: B, subject: "z.*"}}
        {service: {account: B, subject: s}, share: true, prefix: p}
        {service: {account: B, subject: t}, to: l}
        {to: l}
      ] }`);
    const plain = { account: 'B', share: false, allowTrace: false };
    assert.deepEqual(a!.imports, [
      { ...plain, kind: 'stream', subject: 'x', allowTrace: true },
      { ...plain, kind: 'stream', subject: 'y.>', prefix: 'p' },
      { ...plain, kind: 'stream', subject: 'z.*', to: 'z.$1' },
      { ...plain, kind: 'service', subject: 's', share: true },
      { ...plain, kind: 'service', subject: 't', to: 'l' },
    ]);
  });

  test('of limits and traces', () => {
    const [a, b, c] = accounts(`
      A { limits: {max_conn: 1, max_subs: 2, max_pay: 3, max_leafs: 4294967301}, msg_trace: t }
      B { trace_dest: {dest: "t.é", sampling: "7%"} }
      C { msg_trace: {dest: t} }`);
    assert.deepEqual(a!.limits, { maxConnections: 1, maxSubscriptions: 2, maxPayload: 3, maxLeafnodes: 5 });
    assert.deepEqual(a!.trace, { destination: 't', sampling: 100 });
    assert.deepEqual(b!.trace, { destination: 't.\u00c3\u00a9', sampling: 7 });
    assert.deepEqual(c!.trace, { destination: 't', sampling: 100 });
  });

  /** Which of two is wrong, if any, is a matter of chance in the official server. */
  test('what contradicts what came before it', () => {
    const b = 'B { exports: [{stream: ">"}, {service: ">"}] }, A';
    const cases: [string, string][] = [
      [
        'A { exports: [{service: a, response: stream, response_type: stream}] }',
        'Duplicate response type definition',
      ],
      [
        'A { exports: [{service: a, threshold: "1s", response_time: "1s"}] }',
        'Duplicate response threshold detected',
      ],
      ['A { exports: [{service: a, stream: b}] }', 'Detected stream "b" but already saw a service'],
      ['A { exports: [{stream: a, service: b}] }', 'Detected service "b" but already saw a stream'],
      ['A { exports: [{threshold: "1s", stream: a}] }', 'Detected response directive on non-service'],
      [
        `${b} { imports: [{stream: {account: B, subject: x}, service: {account: B, subject: x}}] }`,
        'Detected service but already saw a stream',
      ],
      [
        `${b} { imports: [{service: {account: B, subject: x}, stream: {account: B, subject: x}}] }`,
        'Detected stream but already saw a service',
      ],
      [
        `${b} { imports: [{to: y, stream: {account: B, subject: x}, prefix: z}] }`,
        "Stream import can not have a 'prefix' and a 'to' property",
      ],
    ];
    for (const [block, text] of cases) {
      const { errors } = load(`accounts { ${block} }`);
      assert.equal(errors.length, 1, block);
      assert.match(errors[0]!, /^x\.conf:1:\d+: /);
      assert.equal(errors[0]!.replace(/^x\.conf:1:\d+: /, ''), text);
    }
  });

  test('of an object, with the path in what is wrong', () => {
    const service = { account: 'B', subject: 's' };
    const { errors } = optionsFromObject({
      accounts: { A: { imports: [{ service }] }, B: { exports: [{ stream: 's' }] } },
    });
    assert.deepEqual(errors, ['accounts: Error adding service import "s": service import not authorized']);
    const wrong = optionsFromObject({
      accounts: { A: { exports: [{ service: 's', response_threshold: 'x' }] } },
    });
    assert.match(
      wrong.errors[0]!,
      /^accounts.A.exports\[0\].response_threshold: Expected response threshold/,
    );
  });
});

describe('together', () => {
  test('exports of the same subject are one', () => {
    const [a] = accounts(
      `A { exports: [
        {service: s, response: stream, threshold: "1s", accounts: [B], allow_trace: true}
        {service: s, accounts: [C]}, {stream: s}
        {service: s, response: single}
      ] }, B {}, C {}`,
    );
    const [service, stream, ...rest] = a!.exports!;
    assert.deepEqual(rest, []);
    assert.deepEqual(stream, { kind: 'stream', subject: 's', allowTrace: false });
    assert.deepEqual(JSON.parse(JSON.stringify(service)), {
      kind: 'service',
      subject: 's',
      accounts: ['B', 'C'],
      responseType: 'stream',
      allowTrace: true,
    });
    const [b] = accounts('A { exports: [{service: s, latency: m}, {service: s, response: stream}] }');
    assert.equal(b!.exports![0]!.latency!.subject, 'm');
  });

  test('many exports and imports are looked up as few are', () => {
    const many = Array.from({ length: 40 }, (_, i) => i);
    const block = `
      B { exports: [${many.map((i) => `{service: "s${i}"}, {stream: "e${i}.*"}`).join()}, {service: "w.*"}] }
      A { imports: [
        ${many.map((i) => `{service: {account: B, subject: "s${i}"}}, {stream: {account: B, subject: "e${i}.*"}}`).join()}
        {service: {account: B, subject: "w.x"}}
      ] }`;
    assert.equal(accounts(block)[1]!.imports!.length, 81);
    const back =
      `accounts { ${block.replace('B {', 'B { imports: [{service: {account: A, subject: s33}}],')} }`.replace(
        'A {',
        'A { exports: [{service: ">"}],',
      );
    assert.deepEqual(load(back).errors.slice(0, 1), [
      'x.conf:1:0: Error adding service import "s33": import forms a cycle',
    ]);
    const twice = `${block.replace('A { imports: [', 'A { imports: [{stream: {account: B, subject: "e7.*"}, to: "x.*"},')}`;
    assert.deepEqual(load(`accounts { ${twice} }`).errors, [
      'x.conf:1:0: Error adding stream import "e7.*": stream import already exists',
    ]);
  });

  test('a chain of a thousand accounts is not followed to its end', () => {
    const links = Array.from({ length: 1100 }, (_, i) => {
      const imports = i === 0 ? '' : `, imports: [{service: {account: A${i - 1}, subject: s}}]`;
      return `A${i} { exports: [{service: s}]${imports} }`;
    });
    const { errors } = load(`accounts { ${links.join('\n')} }`);
    // The chain is broken where it was too long.
    assert.equal(errors.length, 1);
    assert.equal(errors[0], 'x.conf:1:0: Error adding service import "s": search cycle depth exhausted');
  });

  test('latency needs a system account', () => {
    const text = 'no_system_account: true\naccounts { A { exports: [{service: a, latency: b}] } }';
    assert.deepEqual(load(text).errors, [
      'x.conf:2:1: Error adding service latency sampling for "a": system account not setup',
    ]);
  });

  test('is not looked at while something else is wrong', () => {
    const text = 'accounts { A { imports: [{stream: {account: B, subject: x}}] } }\nport: x';
    assert.equal(load(text).errors.length, 1);
  });
});
