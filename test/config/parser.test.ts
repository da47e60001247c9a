/** The configuration language: values, places, variables, includes, errors. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { configDigest } from '../../src/config/digest.js';
import { parseConfigFile, parseConfigText } from '../../src/config/parser.js';
import { type ConfigMap, ConfigSyntaxError, type ConfigValue, ZuluTime } from '../../src/config/syntax.js';
import { caseEnvironment, configCases } from './cases.js';

function parse(text: string, files: Record<string, string> = {}, env = caseEnvironment): ConfigMap {
  const readFile = (path: string) => {
    const content = Object.hasOwn(files, path) ? files[path] : undefined;
    if (content === undefined) throw Object.assign(new Error('no file'), { code: 'ENOENT' });
    return content;
  };
  return parseConfigText(text, { env, readFile }, 'main.conf');
}

function plain(value: ConfigValue['value']): unknown {
  if (Array.isArray(value)) return value.map((item) => plain(item.value));
  if (value instanceof Map) {
    return Object.fromEntries([...value].map(([key, item]) => [key, plain(item.value)]));
  }
  return value;
}

function values(text: string, files?: Record<string, string>): unknown {
  return plain(parse(text, files));
}

function fails(text: string, message: string): void {
  assert.throws(
    () => parse(text),
    (error) => {
      assert.ok(error instanceof ConfigSyntaxError);
      assert.equal(error.message, message);
      return true;
    },
  );
}

describe('values', () => {
  const cases: [string, unknown][] = [
    ['a = 1', { a: 1n }],
    ['a: -1', { a: -1n }],
    ['a 9223372036854775807', { a: 9223372036854775807n }],
    ['a: 2k\nb: 2KB\nc: 2mib\nd: 1e', { a: 2000n, b: 2048n, c: 2097152n, d: 10n ** 18n }],
    ['a: 100E', { a: BigInt.asIntN(64, 10n ** 20n) }],
    ['a: 1.5\nb: -0.25', { a: 1.5, b: -0.25 }],
    ['a: yes\nb: OFF\nc: True', { a: true, b: false, c: true }],
    ['a: 20s\nb: 1.2.3.4:5\nc: nats://x:1', { a: '20s', b: '1.2.3.4:5', c: 'nats://x:1' }],
    ['a: "x\\ty\\x41\\""', { a: 'x\tyA"' }],
    ["a: 'x\\ty'", { a: 'x\\ty' }],
    ['a: "é🙂"', { a: 'é🙂' }],
    ['a (\n x\n y\n)\n', { a: '\n x\n y\n' }],
    ['a [1 , b, {c: d}]', { a: [1n, 'b', { c: 'd' }] }],
    ['a {b {c 1}}', { a: { b: { c: 1n } } }],
    ['{"a": {"b": [true, "x"]}}', { a: { b: [true, 'x'] } }],
    ['a: 1 # x\n// y\nb: 2 // z', { a: 1n, b: 2n }],
    ['__proto__: 1', Object.fromEntries([['__proto__', 1n]])],
    ['a: $2a$11$xyz', { a: '$2a$11$xyz' }],
    ['a: $WEFT_SIZE\nb: $WEFT_LIST\nc: $WEFT_CHAIN', { a: 8388608n, b: ['a', 'b'], c: 8388608n }],
  ];
  for (const [text, expected] of cases) {
    test(JSON.stringify(text), () => assert.deepEqual(values(text), expected));
  }

  test('dates', () => {
    const value = parse('a: 2024-02-29T01:02:03Z').get('a')!.value;
    assert.ok(value instanceof ZuluTime);
    assert.equal(value.text, '2024-02-29T01:02:03Z');
  });
});

describe('places', () => {
  const place = (value: ConfigValue) => [value.source, value.line, value.position];

  test('of keys count bytes from the newline before', () => {
    const map = parse('a: 1\nb: {\n  "é": 1, c: 2 }');
    assert.deepEqual(place(map.get('a')!), ['main.conf', 1, 0]);
    assert.deepEqual(place(map.get('b')!), ['main.conf', 2, 1]);
    const inner = map.get('b')!.value as ConfigMap;
    assert.deepEqual(place(inner.get('é')!), ['main.conf', 3, 4]);
    assert.deepEqual(place(inner.get('c')!), ['main.conf', 3, 12]);
  });

  test('of elements of arrays are their own', () => {
    const items = parse('a: [\n  x\n  {b: 1}\n]').get('a')!.value as ConfigValue[];
    assert.deepEqual(items.map(place), [
      ['main.conf', 2, 3],
      ['main.conf', 3, 9],
    ]);
  });

  test('of included keys are in the included file', () => {
    const map = parse('\ninclude "sub/x.inc"', { 'sub/x.inc': '\n a: 1' });
    assert.deepEqual(place(map.get('a')!), ['sub/x.inc', 2, 2]);
  });
});

describe('variables and includes', () => {
  test('variables are looked up from the inside out, and marked', () => {
    const map = parse('x: 1\ny: { x: 2, a: $x }\nb: $x\nz: 3');
    assert.deepEqual(plain(map), { x: 1n, y: { x: 2n, a: 2n }, b: 1n, z: 3n });
    assert.equal(map.get('x')!.used, true);
    assert.equal(map.get('z')!.used, false);
  });

  test('includes are looked up from the file they stand in, and merge', () => {
    const files = { 'sub/a.inc': 'include b.inc\nx: 1', 'sub/b.inc': 'y: 2' };
    assert.deepEqual(values('x: 0\nm { include sub/a.inc }', files), { x: 0n, m: { x: 1n, y: 2n } });
  });

  test('a file that includes itself ends', () => {
    assert.throws(
      () => parse('include main.conf', { 'main.conf': 'include main.conf' }),
      /files include each other more than 64 deep/,
    );
  });

  test('bytes are read as UTF-8', () => {
    const map = parseConfigFile('x', { env: {}, readFile: () => Buffer.from('a: "é"') });
    assert.equal(map.get('a')!.value, 'é');
  });

  test('what is inherited by the environment object is no variable', () => {
    fails('a: $toString', "variable reference for 'toString' on line 1 can not be found");
  });
});

describe('errors', () => {
  const cases: [string, string][] = [
    ['a: [x,,y]', "Parse error on line 1: 'Unexpected array value terminator ','.'"],
    [
      'a: 1 b: 2',
      "Parse error on line 1: 'Expected a top-level value to end with a new line, comment or EOF, but got 'b' instead.'",
    ],
    [
      '\n\na: "\\q"',
      "Parse error on line 3: 'Invalid escape character 'q'. Only the following escape characters are allowed: \\xXX, \\t, \\n, \\r, \\\", \\\\.'",
    ],
    ['a: 2024-1', "Parse error on line 1: 'Expected digit in ISO8601 datetime, but found '\u0000' instead.'"],
    ['a: 99999999999999999999', "integer '99999999999999999999' is out of the range"],
    ['a', 'config is invalid (main.conf:1:1)'],
    ['include x', "error parsing include file 'x', open x: no such file or directory"],
    [
      'a: $WEFT_SELF',
      "variable reference for 'WEFT_SELF' on line 1 could not be parsed: variable reference for 'WEFT_SELF' on line 1 could not be parsed: variable reference cycle for 'WEFT_SELF'",
    ],
    ['a: 1kbb', "expected integer, but got '1kbb'"],
    [`a: ${'['.repeat(2000)}`, "Parse error on line 1: 'Values are nested deeper than 1000 levels.'"],
  ];
  for (const [text, message] of cases) {
    test(JSON.stringify(text.slice(0, 40)), () => {
      fails(text, message);
    });
  }
});

describe('properties', () => {
  const pieces = fc.constantFrom(
    ...[
      '{',
      '}',
      '[',
      ']',
      '(',
      ')',
      '"',
      "'",
      '\\',
      '\n',
      ' ',
      ',',
      ';',
      '=',
      ':',
      '#',
      '//',
      '$',
      '-',
      '.',
      '1',
      '1k',
      'é',
    ],
    ...['2024-', '$a', 'a', 'include ', 'true', '\u0000', '\u00a0', '\\x4', '\n)\n', 'a: ', '1.5'],
  );

  test('nothing makes the parser throw anything but its own error', () => {
    const text = fc.oneof(
      fc.array(pieces, { maxLength: 40 }).map((parts) => parts.join('')),
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc
        .tuple(fc.constantFrom(...configCases), fc.nat(), pieces)
        .map(
          ([base, at, piece]) =>
            base.slice(0, at % (base.length + 1)) + piece + base.slice(at % (base.length + 1)),
        ),
    );
    fc.assert(
      fc.property(text, (input) => {
        try {
          configDigest(parse(input));
        } catch (error) {
          assert.ok(error instanceof ConfigSyntaxError, String(error));
        }
      }),
      { numRuns: 3000 },
    );
  });

  test('what is written as JSON is read back', () => {
    const scalar = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 12 }),
      fc.boolean(),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    );
    const tree = fc.letrec((tie) => ({
      value: fc.oneof({ depthSize: 'small' }, scalar, tie('array'), tie('object')),
      array: fc.array(tie('value'), { maxLength: 4 }),
      object: fc.dictionary(fc.stringMatching(/^[a-z_][a-z0-9_ ]{0,6}$/), tie('value'), { maxKeys: 4 }),
    }));
    fc.assert(
      fc.property(fc.dictionary(fc.stringMatching(/^[a-z]{1,6}$/), tree.value), (object) => {
        assert.deepEqual(values(write(object)), JSON.parse(JSON.stringify(object, tagBig), untagBig));
      }),
      { numRuns: 300 },
    );
  });
});

/** Writes a value in the language, with what escapes it has. */
function write(value: unknown): string {
  if (typeof value === 'string') return `"${value.replace(/["\\]/g, '\\$&')}"`;
  // Spaces after numbers: a bracket right behind one belongs to it.
  if (Array.isArray(value)) return `[${value.map(write).join(' , ')} ]`;
  if (typeof value === 'object' && value !== null) {
    return `{${Object.entries(value)
      .map(([key, item]) => `"${key}": ${write(item)} `)
      .join(',')}}`;
  }
  return String(value);
}

function tagBig(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? { $big: String(value) } : value;
}

function untagBig(_: string, value: unknown): unknown {
  const tagged = value as { $big?: string } | null;
  return typeof tagged === 'object' && tagged?.$big !== undefined ? BigInt(tagged.$big) : value;
}

describe('digest', () => {
  const cases: [string, string][] = [
    ['port: 4222', 'sha256:797533eb'],
    ['port: 4222 # comment', 'sha256:797533eb'],
    ['{"port": 4222}', 'sha256:797533eb'],
  ];
  for (const [text, start] of cases) {
    test(text, () => assert.ok(configDigest(parse(text)).startsWith(start), configDigest(parse(text))));
  }

  test('does not depend on the order of keys, but on their case', () => {
    assert.equal(configDigest(parse('a: 1\nb: 2')), configDigest(parse('b: 2\na: 1')));
    assert.notEqual(configDigest(parse('a: 1')), configDigest(parse('A: 1')));
  });
});
