/** What protocol traces (`-V`) show of messages and of CONNECT. */
import type { ServerOptions } from '../config/options.js';
import { readText, toUtf8 } from '../protocol/bytes.js';
import type { PublishOperation } from '../protocol/client-parser.js';
import { quote } from '../protocol/errors.js';

const SECRETS = [
  /("?\s*(?:auth_token\S*?|pass\S*?)"?\s*[:=]\s*"?)([^",\r\n}]*)/g,
  /((?:^|[^A-Za-z0-9_])"?\s*(?:proxy_sig|nkey|sig)"?\s*[:=]\s*"?)([^",\r\n}]*)/g,
];

/** CONNECT without passwords, tokens and signatures. */
export function redactConnect(json: string): string {
  let text = json;
  for (const pattern of SECRETS) text = text.replace(pattern, '$1[REDACTED]');
  return text;
}

/** `MSG_PAYLOAD: ["..."]`, or null when there is nothing to show. */
export function describePayload(
  operation: PublishOperation,
  options: ServerOptions,
  withoutHeader: boolean,
): string | null {
  const { memory, payloadStart, headerSize, size } = operation;
  let start = payloadStart + (withoutHeader ? headerSize : 0);
  let end = payloadStart + size;
  if (options.traceHeaders) {
    if (headerSize === 0 || withoutHeader) return null;
    start = payloadStart;
    end = payloadStart + headerSize - 4;
  }
  if (end <= start) return null;
  const limit = options.maxTracedMsgLen;
  if (limit > 0 && end - start > limit) {
    const shown = toUtf8(quote(readText(memory.bytes, start, start + limit)));
    return `MSG_PAYLOAD: ["${shown.slice(1, -1)}..."]`;
  }
  return `MSG_PAYLOAD: [${toUtf8(quote(readText(memory.bytes, start, end)))}]`;
}
