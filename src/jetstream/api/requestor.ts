/** Who sent a request, as advisories tell it. */
import { type ClientInfo, clientInfo, clientInfoText } from '../../broker/client-info.js';
import type { InternalMessage } from '../../broker/internal-client.js';
import { REQUEST_INFO } from '../../broker/request-info.js';
import { toUtf8 } from '../../protocol/bytes.js';
import { headerText, headerValue } from '../headers.js';

/**
 * JSON; null where it was a room of the server. Of a client of another account there is no more than that account's import lets through,
 * which the header of the request says.
 */
export function requestorJson({ from, header }: InternalMessage, account: string): string | null {
  if (from === null) return null;
  const own = from.account.name === account;
  const info = own
    ? clientInfo(from, true)
    : { ...told(header), svc: account, server: from.broker.serverName };
  return toUtf8(clientInfoText(info));
}

function told(header: Buffer | null): ClientInfo {
  const text = header === null ? undefined : headerValue(headerText(header), REQUEST_INFO);
  return text === undefined ? {} : (JSON.parse(toUtf8(text)) as ClientInfo);
}
