/** How an answer goes out over HTTP: headers as Go writes them, long answers without holding up other work. */
import type { ServerResponse } from 'node:http';
import { type Answer, JSON_TYPE } from './view.js';

/** Answers up to this size say how long they are, longer ones come in chunks; the same bound as in Go. */
const LENGTH_LIMIT = 2048;

/** Sends an answer; of one in pieces, a piece per turn of the event loop. */
export async function send(response: ServerResponse, answer: Answer): Promise<void> {
  const { status, contentType, body } = answer;
  response.statusCode = status;
  response.setHeader('Content-Type', contentType);
  if (contentType === JSON_TYPE) response.setHeader('Access-Control-Allow-Origin', '*');
  hideKeepAlive(response);
  if (typeof body === 'string') {
    if (Buffer.byteLength(body) > LENGTH_LIMIT) response.write(body);
    else response.setHeader('Content-Length', Buffer.byteLength(body));
    response.end(Buffer.byteLength(body) > LENGTH_LIMIT ? undefined : body);
    return;
  }
  for (const piece of body) {
    if (response.destroyed) return;
    const room = response.write(piece);
    if (!room && !response.destroyed) {
      await new Promise<void>((resolve) => onceEither(response, 'drain', 'close', resolve));
    }
    // A write that the kernel takes at once drains within this turn, so the turn has to be given up expressly.
    await new Promise((resolve) => setImmediate(resolve));
  }
  response.end();
}

/** Connections of HTTP/1.1 stay open without saying so. */
export function hideKeepAlive(response: ServerResponse): void {
  if (response.req.httpVersion === '1.1' && response.shouldKeepAlive) response.removeHeader('Connection');
}

function onceEither(response: ServerResponse, first: string, second: string, callback: () => void): void {
  const done = (): void => {
    response.off(first, done);
    response.off(second, done);
    callback();
  };
  response.on(first, done);
  response.on(second, done);
}
