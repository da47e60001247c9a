/** What a server says to a client, taken apart: messages, and lines of another kind. */

export interface WireMessage {
  subject: string;
  sid: number;
  /** '' without. */
  reply: string;
  header: string;
  payload: string;
}

/** A line, and the message that it begins, if it does; `end` is behind all of it. */
export interface Said {
  words: string[];
  message: WireMessage | null;
  end: number;
}

/** Reads what begins at a place of what was received (latin1); null while it is not all there. */
export function readSaid(received: string, start: number): Said | null {
  const lineEnd = received.indexOf('\r\n', start);
  if (lineEnd === -1) return null;
  const words = received.slice(start, lineEnd).split(' ');
  const verb = words[0];
  if (verb !== 'MSG' && verb !== 'HMSG') return { words, message: null, end: lineEnd + 2 };
  const bodyStart = lineEnd + 2;
  const size = Number(words.at(-1));
  if (received.length < bodyStart + size + 2) return null;
  const sizes = verb === 'HMSG' ? 2 : 1;
  const headerSize = verb === 'HMSG' ? Number(words.at(-2)) : 0;
  const body = received.slice(bodyStart, bodyStart + size);
  const message = {
    subject: words[1]!,
    sid: Number(words[2]),
    reply: words.length === 3 + sizes + 1 ? words[3]! : '',
    header: body.slice(0, headerSize),
    payload: body.slice(headerSize),
  };
  return { words, message, end: bodyStart + size + 2 };
}
