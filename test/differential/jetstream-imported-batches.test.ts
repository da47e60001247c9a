// Fast batches from other accounts, beside the official server: their reply subjects, which say all of a batch, are others behind an import.
import { api, jetStreamScripts, publish, type ScriptCase, type Step } from './jetstream-script.js';

const conf = `
server_name: srv
jetstream { store_dir: "$DIR/js", max_mem: 64MB, max_file: 64MB }
accounts {
  A {
    users: [{user: a, password: a}], jetstream: enabled
    exports: [{service: "one.>"}, {service: "many.>", response: stream}]
  }
  B {
    users: [{user: b, password: b}]
    imports: [
      {service: {account: A, subject: "one.>"}}
      {service: {account: A, subject: "many.>"}, to: "renamed.>", share: true}
    ]
    exports: [{service: "one.>"}]
  }
  C { users: [{user: c, password: c}], imports: [{service: {account: B, subject: "one.>"}}] }
}
`;

const fast = (
  as: string,
  subject: string,
  id: string,
  sequence: number | string,
  operation: number,
  headers: Record<string, string> = {},
): Step => ({
  ...publish(subject, `${id} ${sequence}`, headers),
  reply: `reply${id}.${id}.2.fail.${sequence}.${operation}.$FI`,
  all: true,
  as,
});

const batch = (as: string, subject: string, id: string): Step[] => [
  fast(as, subject, id, 1, 0),
  fast(as, subject, id, 2, 1),
  fast(as, subject, id, 3, 1, { X: 'y' }),
  fast(as, subject, id, 3, 4),
  fast(as, subject, id, 4, 2),
];

const stored: Step[] = [1, 2, 3, 4, 5].map((seq) => api('STREAM.MSG.GET.F', { seq }));

const through = (name: string, as: string, subject: string): ScriptCase => ({
  name,
  steps: [
    api('STREAM.CREATE.F', {
      name: 'F',
      subjects: ['one.>', 'many.>'],
      storage: 'memory',
      allow_batched: true,
    }),
    ...batch(as, subject, `good-${as}`),
    ...stored,
    fast(as, subject, `torn-${as}`, 1, 0),
    fast(as, subject, `torn-${as}`, 3, 1),
    fast(as, subject, `wrong-${as}`, 'x', 0),
    fast(as, subject, 'y'.repeat(65), 1, 0),
    { ...publish(subject, 'plain'), as },
    { ...publish(subject, 'forged', { 'Nats-Request-Info': '{"reply":"a.b.2.fail.1.2.$FI"}' }), as },
    api('STREAM.INFO.F'),
    api('STREAM.DELETE.F'),
  ],
});

jetStreamScripts('fast batches from other accounts', { conf, users: { a: 'a', b: 'b', c: 'c' } }, [
  through('by an import', 'b', 'one.x'),
  through('by an import of many answers, that is shared', 'b', 'renamed.x'),
  through('by a chain of imports', 'c', 'one.x'),
]);
