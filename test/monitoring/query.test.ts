import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { Query } from '../../src/monitoring/query.js';
import { redactArguments } from '../../src/monitoring/redact-arguments.js';

const refused = (read: () => unknown, message: string) => assert.throws(read, { message });

describe('parameters', () => {
  it('are text with escapes', () => {
    const query = new Query('a=1&b=x+y%20z&acc=%24SYS&c&a=2&d=%c3%a9');
    assert.equal(query.text('a'), '1');
    assert.equal(query.text('b'), 'x y z');
    assert.equal(query.text('acc'), '$SYS');
    assert.equal(query.text('c'), '');
    assert.equal(query.text('d'), 'é');
    assert.equal(query.text('nope'), '');
  });

  it('are left out where they are not well-formed', () => {
    const query = new Query('limit=%zz&limit=1&a=1;b=2');
    assert.equal(query.text('limit'), '1');
    assert.equal(query.text('a'), '');
  });

  it('of any text come back from their escapes', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (name, value) => {
        fc.pre(name !== '');
        const query = new Query(`${encodeURIComponent(name)}=${encodeURIComponent(value)}`);
        assert.equal(query.text(name), value);
      }),
    );
  });

  it('may be booleans as Go reads them', () => {
    for (const text of ['1', 't', 'T', 'TRUE', 'true', 'True']) {
      assert.equal(new Query(`b=${text}`).bool('b'), true);
    }
    for (const text of ['', '0', 'f', 'F', 'FALSE', 'false', 'False']) {
      assert.equal(new Query(`b=${text}`).bool('b'), false);
    }
    refused(
      () => new Query('subs=x').bool('subs'),
      `Error decoding boolean for 'subs': strconv.ParseBool: parsing "x": invalid syntax`,
    );
    assert.throws(() => new Query('b=tRUE').bool('b'));
  });

  it('may be integers as Go reads them', () => {
    assert.equal(new Query('').int('n'), 0);
    assert.equal(new Query('n=-12').int('n'), -12);
    assert.equal(new Query('n=%2B12').int('n'), 12);
    for (const text of ['x', '1_0', '0x1', '1.5', '+1', '-']) {
      const shown = text.replace('+', ' ');
      refused(
        () => new Query(`limit=${text}`).int('limit'),
        `Error decoding int for 'limit': strconv.Atoi: parsing "${shown}": invalid syntax`,
      );
    }
    refused(
      () => new Query('offset=9223372036854775808').int('offset'),
      `Error decoding int for 'offset': strconv.Atoi: parsing "9223372036854775808": value out of range`,
    );
    assert.equal(new Query('n=-9223372036854775808').int('n'), -(2 ** 63));
  });

  it('may be unsigned integers as Go reads them', () => {
    assert.equal(new Query('cid=7').uint64('cid'), 7);
    refused(
      () => new Query('cid=-1').uint64('cid'),
      `Error decoding uint64 for 'cid': strconv.ParseUint: parsing "-1": invalid syntax`,
    );
    refused(
      () => new Query('cid=18446744073709551616').uint64('cid'),
      `Error decoding uint64 for 'cid': strconv.ParseUint: parsing "18446744073709551616": value out of range`,
    );
  });

  it('ask for subscriptions in one of two ways', () => {
    const read = (raw: string) => new Query(raw).subscriptions();
    assert.deepEqual(read(''), { subscriptions: false, subscriptionsDetail: false });
    assert.deepEqual(read('subs=1'), { subscriptions: true, subscriptionsDetail: false });
    assert.deepEqual(read('subs=Detail'), { subscriptions: false, subscriptionsDetail: true });
    assert.throws(() => read('subs=details'));
  });
});

describe('the command line', () => {
  it('is shown without secrets', () => {
    const args = ['weft-server', '--user', 'bob', '-pass=x=y', '--auth', 'tok', '-p', '4222', '--userx', 'z'];
    const shown = ['weft-server', '--user', '[REDACTED]', '-pass=[REDACTED]', '--auth', '[REDACTED]'];
    assert.deepEqual(redactArguments(args), [...shown, '-p', '4222', '--userx', 'z']);
    assert.deepEqual(redactArguments(['--auth']), ['--auth']);
  });

  it('is shown without the users in URLs', () => {
    assert.deepEqual(redactArguments(['--routes', 'nats://a:b@h:1,nats://h:2', '-cluster=nats://u@h:-1']), [
      '--routes',
      'nats://[REDACTED]@h:1,nats://h:2',
      '-cluster=nats://[REDACTED]@h:-1',
    ]);
  });
});
