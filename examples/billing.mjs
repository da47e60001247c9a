// Several tenants on one server, each in an account of its own, and an invoice for each at the end of the month: from the
// figures that the server keeps per account, without a dashboard or a database of metrics.
//
//   node examples/billing.mjs
import { wsconnect } from '@nats-io/nats-core';
import { WeftServer } from 'weft-server';

const tenant = (name) => ({ users: [{ user: name, pass: `${name}-secret` }] });
const server = await WeftServer.create(
  {
    accounts: { SYS: {}, acme: tenant('acme'), globex: tenant('globex'), initech: tenant('initech') },
    system_account: 'SYS',
  },
  { listen: false },
);
const connect = (name) => wsconnect(server.inProcess({ user: name, pass: `${name}-secret` }));

// The system account sees all accounts. Who can ask there can bill.
const system = server.client('SYS');
const peaks = new Map();
system.subscribe('$SYS.ACCOUNT.*.SERVER.CONNS', (message) => {
  const { acc, conns } = message.json();
  peaks.set(acc, Math.max(peaks.get(acc) ?? 0, conns));
});

/** What every account has moved so far: from its clients to the server, and from the server to its clients. */
async function readMeters() {
  const answer = await system.request('$SYS.REQ.ACCOUNT.PING.STATZ', '{"include_unused":true}');
  const { data } = answer.json();
  return new Map(data.account_statz.map(({ acc, received, sent }) => [acc, { received, sent }]));
}

const before = await readMeters();

// A month of work. Both tenants use the same subject and never see each other's messages.
const acme = await connect('acme');
const dashboards = await Promise.all([connect('acme'), connect('acme')]);
for (const dashboard of dashboards) dashboard.subscribe('orders', { callback: () => {} });
await Promise.all(dashboards.map((dashboard) => dashboard.flush()));
for (let i = 0; i < 5000; i++) acme.publish('orders', 'x'.repeat(200));

const globex = await connect('globex');
const archive = await connect('globex');
archive.subscribe('orders', { callback: () => {} });
await archive.flush();
for (let i = 0; i < 300; i++) globex.publish('orders', 'y'.repeat(50_000));

// Once each of them has its answer, everything before it has been counted.
await Promise.all([acme, ...dashboards, globex, archive].map((connection) => connection.flush()));
await Promise.all([acme, ...dashboards, globex, archive].map((connection) => connection.close()));

const after = await readMeters();
const PRICES = { thousandMessages: 0.4, mebibyte: 0.09, connection: 1.5 };

for (const name of ['acme', 'globex', 'initech']) {
  const used = (direction, figure) =>
    after.get(name)[direction][figure] - before.get(name)[direction][figure];
  const messages = used('received', 'msgs') + used('sent', 'msgs');
  const mebibytes = (used('received', 'bytes') + used('sent', 'bytes')) / 1024 / 1024;
  const connections = peaks.get(name) ?? 0;
  const lines = [
    [`${messages} messages`, (messages / 1000) * PRICES.thousandMessages],
    [`${mebibytes.toFixed(1)} MiB`, mebibytes * PRICES.mebibyte],
    [`${connections} connections at most`, connections * PRICES.connection],
  ];
  const total = lines.reduce((sum, [, amount]) => sum + amount, 0);
  console.log(`Invoice for ${name}`);
  for (const [what, amount] of [...lines, ['total', total]]) {
    console.log(`  ${what.padEnd(24)} ${amount.toFixed(2).padStart(8)}`);
  }
}

await server.close();
