/** Every endpoint: its path, how its parameters are read, what it answers. No HTTP here. */
import { accountStatz, accountz } from './accounts.js';
import { connzPieces, readConnzOptions } from './connz.js';
import { goJson } from './go-json.js';
import { type HealthzOptions, healthz, readHealthzOptions } from './healthz.js';
import { jsz, readJszOptions } from './jsz.js';
import { gatewayz, leafz, raftz, routez } from './peers.js';
import { type Query, RequestError } from './query.js';
import { expvarText, ipqueuesz, stacks } from './runtime.js';
import { readSubszOptions, subszPieces } from './subsz.js';
import { varz } from './varz.js';
import { type Answer, jsonAnswer, type MonitorView, textAnswer } from './view.js';

/** Answers a request. Throws `RequestError`. */
type Endpoint = (view: MonitorView, query: Query) => Answer;

/** Reads the parameters, then answers; requests whose parameters cannot be read are counted as `early` says. */
function endpoint<O>(
  counted: { as: string; early: boolean } | null,
  read: (query: Query) => O,
  respond: (view: MonitorView, options: O) => Answer,
): Endpoint {
  return (view, query) => {
    if (counted?.early) count(view, counted.as);
    const options = read(query);
    if (counted?.early === false) count(view, counted.as);
    return respond(view, options);
  };
}

function count({ requests }: MonitorView, name: string): void {
  requests.set(name, (requests.get(name) ?? 0) + 1);
}

const nothing = (): null => null;
const json = (value: unknown): Answer => jsonAnswer(goJson(value));
const early = (as: string) => ({ as, early: true });
const late = (as: string) => ({ as, early: false });

const subscriptions = endpoint(early('/subsz'), readSubszOptions, (view, options) =>
  jsonAnswer(subszPieces(view, options)),
);

/** By path, without the base path. */
export const endpoints: ReadonlyMap<string, Endpoint> = new Map([
  ['/varz', endpoint(early('/varz'), nothing, (view) => json(varz(view)))],
  [
    '/connz',
    endpoint(late('/connz'), readConnzOptions, (view, options) => jsonAnswer(connzPieces(view, options))),
  ],
  [
    '/routez',
    endpoint(
      late('/routez'),
      (query) => query.subscriptions(),
      (view) => json(routez(view)),
    ),
  ],
  [
    '/gatewayz',
    endpoint(
      early('/gatewayz'),
      (query) => [query.subscriptions(), query.bool('accs')],
      (view) => json(gatewayz(view)),
    ),
  ],
  [
    '/leafz',
    endpoint(
      early('/leafz'),
      (query) => query.bool('subs'),
      (view) => json(leafz(view)),
    ),
  ],
  ['/subsz', subscriptions],
  ['/subscriptionsz', subscriptions],
  [
    '/accountz',
    endpoint(
      early('/accountz'),
      (query) => ({ account: query.text('acc') }),
      (view, options) => json(accountz(view, options)),
    ),
  ],
  [
    '/accstatz',
    endpoint(
      early('/accstatz'),
      (query) => ({ accounts: [], includeUnused: query.bool('unused') }),
      (view, options) => json(accountStatz(view, options)),
    ),
  ],
  ['/jsz', endpoint(early('/jsz'), readJszOptions, (view, options) => json(jsz(view, options)))],
  ['/healthz', endpoint(early('/healthz'), readHealthzOptions, healthAnswer)],
  [
    '/ipqueuesz',
    endpoint(
      null,
      (query) => ({ all: query.bool('all'), queues: query.text('queues') }),
      (_, options) => jsonAnswer(goJson(ipqueuesz(options), 3)),
    ),
  ],
  ['/raftz', endpoint(null, nothing, raftz)],
  ['/stacksz', endpoint(null, nothing, (view) => jsonAnswer(stacks(view)))],
  [
    '/debug/vars',
    endpoint(null, nothing, () => ({
      status: 200,
      contentType: 'application/json; charset=utf-8',
      body: expvarText(),
    })),
  ],
]);

/** The answer of an endpoint, also when the request is not in order. */
export function respond(view: MonitorView, path: string, query: Query): Answer | null {
  const handler = endpoints.get(path);
  if (handler === undefined) return null;
  try {
    return handler(view, query);
  } catch (error) {
    if (error instanceof RequestError) return textAnswer(400, error.message);
    throw error;
  }
}

function healthAnswer(view: MonitorView, options: HealthzOptions): Answer {
  const { log } = view.server;
  if (options.jsEnabled) log.warn('Healthcheck: js-enabled deprecated, use js-enabled-only instead');
  const { statusCode, ...health } = healthz(view, options);
  if (health.error !== undefined) log.warn(`Healthcheck failed: ${JSON.stringify(health.error)}`);
  else if (health.errors !== undefined) log.warn(`Healthcheck failed: ${health.errors.length} errors`);
  return jsonAnswer(goJson(health, 0), statusCode);
}
