// What a new server is asked at the build (see code-cache.cjs): a little of what most clients do, so that V8 compiles what is needed for it
// and keeps that. Whoever is the first to use JetStream would wait for it otherwise: 10 ms for a consumer.
'use strict';
const { connect } = require('node:net');

const INBOX = '_INBOX.warm';
/** Milliseconds for one answer. */
const PATIENCE = 500;
/** More than the commits after which there is a journal. */
const MANY = 60;

/** Just enough of a client: requests in a row, and what comes to the inbox. */
class Client {
  #socket;
  #received = '';
  #waiting = null;
  #number = 0;
  /** What was waited for in vain. */
  missed = [];

  constructor(port) {
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.setEncoding('latin1');
    this.#socket.on('error', () => {});
    this.#socket.on('data', (text) => {
      this.#received += text;
      this.#look();
    });
    const options = {
      verbose: false,
      pedantic: false,
      headers: true,
      no_responders: true,
      lang: 'none',
      version: '0',
    };
    this.send(`CONNECT ${JSON.stringify(options)}`, `SUB ${INBOX}.> 1`, 'PING');
  }

  send(...lines) {
    this.#socket.write(`${lines.join('\r\n')}\r\n`, 'latin1');
  }

  publish(subject, payload = '', { reply = '', headers = {} } = {}) {
    const head = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    if (head.length === 0) return this.send(`PUB ${subject} ${reply} ${payload.length}`, payload);
    const block = `NATS/1.0\r\n${head.join('')}\r\n`;
    this.send(`HPUB ${subject} ${reply} ${block.length} ${block.length + payload.length}`, block + payload);
  }

  /** Gives what has come when the text has, or when it is not worth waiting any longer. */
  until(text) {
    return new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.missed.push(text);
        end();
      }, PATIENCE);
      const end = () => {
        clearTimeout(timer);
        this.#waiting = null;
        resolve(this.#received);
        this.#received = '';
      };
      this.#waiting = { text, end };
      this.#look();
    });
  }

  async request(subject, payload = '', headers = {}) {
    const reply = `${INBOX}.${++this.#number}`;
    this.publish(subject, typeof payload === 'string' ? payload : JSON.stringify(payload), {
      reply,
      headers,
    });
    return this.until(`MSG ${reply} `);
  }

  close() {
    this.#socket.destroy();
  }

  #look() {
    if (this.#waiting !== null && this.#received.includes(this.#waiting.text)) this.#waiting.end();
  }
}

/** Messages between clients. */
async function core(client) {
  await client.until('PONG');
  client.send('SUB warm.* 2', 'SUB warm.queue workers 3', 'SUB warm.> 4', 'UNSUB 4 1');
  for (let i = 0; i < 3; i++) {
    client.publish('warm.a', 'text');
    client.publish('warm.queue', 'text', { reply: `${INBOX}.0`, headers: { Warm: 'yes' } });
  }
  client.send('UNSUB 2', 'UNSUB 3', 'PING');
  await client.until('PONG');
  await client.request('warm.nobody');
}

/** Ack subjects of the messages that came. */
function acksOf(text) {
  return [...text.matchAll(/ (\$JS\.ACK\.\S+) /g)].map(([, subject]) => subject);
}

async function jetstream(client) {
  const api = (what, payload, headers) => client.request(`$JS.API.${what}`, payload, headers);
  await api('INFO');
  await api('STREAM.CREATE.warm', {
    name: 'warm',
    subjects: ['warm.s.>'],
    storage: 'file',
    allow_direct: true,
  });
  const bucket = {
    name: 'KV_warm',
    subjects: ['$KV.warm.>'],
    max_msgs_per_subject: 2,
    discard: 'new',
    allow_rollup_hdrs: true,
    deny_delete: true,
    allow_direct: true,
  };
  await api('STREAM.CREATE.KV_warm', bucket);
  for (let i = 0; i < 8; i++) {
    await client.request(`warm.s.${i % 4}`, 'text', i % 2 === 0 ? {} : { 'Nats-Msg-Id': `${i}` });
    await client.request(
      `$KV.warm.${i % 2}`,
      'text',
      i < 2 ? { 'Nats-Expected-Last-Subject-Sequence': '0' } : {},
    );
  }
  for (let i = 0; i < MANY; i++) await client.request('warm.s.5', 'text');
  for (let i = 0; i < MANY; i++) client.publish(`warm.s.${i}`, 'text', { reply: `${INBOX}.many.${i}` });
  await client.until(`many.${MANY - 1} `);
  await client.request('$KV.warm.0', '', { 'KV-Operation': 'DEL' });
  await client.request('$KV.warm.0', '', { 'KV-Operation': 'PURGE', 'Nats-Rollup': 'sub' });
  await api('STREAM.INFO.warm', { subjects_filter: '>' });
  await api('STREAM.NAMES', { subject: 'warm.s.1' });
  await api('STREAM.LIST');
  await api('STREAM.UPDATE.warm', {
    name: 'warm',
    subjects: ['warm.s.>'],
    storage: 'file',
    allow_direct: true,
    max_age: 3e11,
  });
  await api('STREAM.MSG.GET.warm', { last_by_subj: 'warm.s.1' });
  await api('STREAM.MSG.GET.warm', { seq: 2 });
  await api('DIRECT.GET.KV_warm.$KV.warm.1');
  await api('DIRECT.GET.warm', { next_by_subj: 'warm.s.>', seq: 1 });
  await api('DIRECT.GET.KV_warm', { multi_last: ['$KV.warm.>'] });
  await pull(client, api);
  await push(client, api);
  await api('STREAM.MSG.DELETE.warm', { seq: 3, no_erase: true });
  await api('STREAM.PURGE.warm', { filter: 'warm.s.1' });
  await api('STREAM.PURGE.warm');
  await api('STREAM.DELETE.KV_warm');
  await api('STREAM.DELETE.warm');
}

async function pull(client, api) {
  const config = {
    durable_name: 'pull',
    ack_policy: 'explicit',
    deliver_policy: 'all',
    filter_subject: 'warm.s.>',
  };
  await api('CONSUMER.CREATE.warm.pull.warm.s.>', { stream_name: 'warm', config });
  const reply = `${INBOX}.pull`;
  client.publish('$JS.API.CONSUMER.MSG.NEXT.warm.pull', '{"batch":6,"expires":1000000000}', { reply });
  const subjects = [...new Set(acksOf(await client.until('pull.1.6.6.'))), ''].slice(0, -1);
  const verbs = ['+ACK', '-NAK', '+WPI', '+TERM', '', '+ACK'];
  for (const [i, subject] of subjects.entries()) await client.request(subject, verbs[i % verbs.length]);
  client.publish('$JS.API.CONSUMER.MSG.NEXT.warm.pull', '{"batch":9,"no_wait":true}', { reply });
  client.publish('$JS.API.CONSUMER.MSG.NEXT.warm.pull', '', { reply });
  await api('CONSUMER.INFO.warm.pull');
  await api('CONSUMER.NAMES.warm');
  await api('CONSUMER.LIST.warm');
  await api('CONSUMER.DELETE.warm.pull');
}

/** As ordered consumers and those that watch keys do. */
async function push(client, api) {
  const config = {
    deliver_subject: `${INBOX}.push`,
    ack_policy: 'none',
    deliver_policy: 'last_per_subject',
    filter_subject: '$KV.warm.>',
    max_deliver: 1,
    flow_control: true,
    idle_heartbeat: 5e9,
    inactive_threshold: 3e11,
    num_replicas: 1,
    mem_storage: true,
  };
  await api('CONSUMER.CREATE.KV_warm.push.$KV.warm.>', { stream_name: 'KV_warm', config });
  await client.request('$KV.warm.2', 'text');
  await api('CONSUMER.DELETE.KV_warm.push');
  await api('CONSUMER.CREATE.KV_warm', {
    stream_name: 'KV_warm',
    config: { ...config, deliver_policy: 'all' },
  });
}

/** Ends in any case: a build does without what does not answer, which is returned. */
module.exports = async function warmUp(port, hasJetStream) {
  const client = new Client(port);
  await core(client);
  if (hasJetStream) await jetstream(client);
  client.close();
  return client.missed;
};
