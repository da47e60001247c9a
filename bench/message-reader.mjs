// Reads MSG and HMSG frames of any length, where those of `Connection` have one length: JetStream's acknowledgements, deliveries and
// answers hold sequences and times. It looks for the end of the head line and for the size at its end, and at nothing else.
const LETTER_M = 0x4d;
const LETTER_H = 0x48;
const LINE_FEED = 0x0a;
const SPACE = 0x20;
const NOTHING = Buffer.alloc(0);

/**
 * What is told of a message. The bytes are valid during the call only; an error fails the connection.
 * @callback OnMessage
 * @param {Buffer} bytes
 * @param {number} at where the frame begins
 * @param {number} sizeAt the space before the size, thus the end of the reply subject of a MSG that has one
 * @param {number} payloadAt where headers or payload begin
 * @param {number} size bytes of headers and payload
 */

/**
 * Makes a connection read that way.
 * @param {import('./wire.mjs').Connection} connection
 * @param {OnMessage} onMessage
 * @param {() => void} [onRead] called at the end of each read
 */
export function readMessages(connection, onMessage, onRead = () => {}) {
  let carry = NOTHING; // the start of a frame whose rest has not arrived yet

  connection.receive = (buffer, size) => {
    let bytes = buffer;
    let end = size;
    if (carry.length > 0) {
      bytes = Buffer.concat([carry, buffer.subarray(0, size)]);
      end = bytes.length;
    }
    let at = 0;
    while (at < end) {
      let line = at;
      while (line < end && bytes[line] !== LINE_FEED) line++;
      if (line === end) break;
      if (bytes[at] !== LETTER_M && bytes[at] !== LETTER_H) {
        connection.controlLine(bytes.latin1Slice(at, line - 1));
        at = line + 1;
        continue;
      }
      let sizeAt = line - 2;
      let total = 0;
      for (let factor = 1; bytes[sizeAt] !== SPACE; sizeAt--, factor *= 10) {
        total += (bytes[sizeAt] - 48) * factor;
      }
      const next = line + 1 + total + 2;
      if (next > end) break;
      try {
        onMessage(bytes, at, sizeAt, line + 1, total);
      } catch (error) {
        connection.fail(error);
      }
      at = next;
    }
    carry = at === end ? NOTHING : Buffer.from(bytes.subarray(at, end));
    onRead();
  };
}

/** Whether a frame is an HMSG. */
export const hasHeaders = (bytes, at) => bytes[at] === LETTER_H;

const ACKNOWLEDGED = '{"stream":"'.charCodeAt(2);

/** Throws unless the payload is the acknowledgement of a publish: errors begin otherwise. @type {OnMessage} */
export function checkAcknowledged(bytes, _at, _sizeAt, payloadAt, size) {
  if (bytes[payloadAt + 2] === ACKNOWLEDGED) return;
  throw new Error(`not acknowledged: ${bytes.latin1Slice(payloadAt, payloadAt + Math.min(size, 200))}`);
}
