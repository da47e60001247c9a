/** Who asks: requests from other accounts carry it in a header; `$SYS.REQ.USER.INFO` tells the requester. */
import type { ClientInfo } from '../broker/client-info.js';
import type { InternalMessage } from '../broker/internal-client.js';
import { REQUEST_INFO } from '../broker/request-info.js';
import type { PermissionsOptions, SubjectPermission } from '../config/options.js';
import { toUtf8 } from '../protocol/bytes.js';
import { nanoseconds } from '../protocol/json.js';
import { headerValue } from './headers.js';
import type { SystemRoom } from './room.js';

const BAD_REQUEST = 400;

/** Empty for a request from within the system account, null when the header cannot be read. */
export function requesterOf({ header }: InternalMessage): ClientInfo | null {
  const text = header === null ? '' : headerValue(header, REQUEST_INFO);
  if (text === '') return {};
  try {
    const info: unknown = JSON.parse(text);
    return typeof info === 'object' && info !== null ? info : null;
  } catch {
    return null;
  }
}

/** Answers `$SYS.REQ.USER.<account>.INFO`. */
export async function userInfo(room: SystemRoom, message: InternalMessage): Promise<void> {
  const { reply } = message;
  if (reply === '') return;
  const { sender } = room;
  const info = requesterOf(message);
  if (info === null) {
    sender.answer(reply, { server: sender.serverInfo(), error: { code: BAD_REQUEST } });
    return;
  }
  const { user = '', acc = '', name_tag: nameTag } = info;
  const connection = info.id === undefined ? undefined : sender.broker.connections.get(info.id);
  const permissions = connection?.identity?.permissions ?? null;
  sender.answer(reply, {
    server: sender.serverInfo(),
    data: {
      user,
      account: acc,
      account_name: sender.broker.accounts.get(acc)?.name,
      user_name: nameTag,
      permissions: permissions === null ? undefined : showPermissions(permissions.options),
      expires: timeLeft(connection?.identity?.expires ?? null, sender.broker.clock.now()),
    },
  });
}

/** Nanoseconds until a time, in whole seconds of both; absent where there is none or it has come. */
function timeLeft(at: number | null, now: number): number | undefined {
  if (at === null) return undefined;
  const left = Math.floor(at / 1000) * 1000 - now;
  return nanoseconds(Math.trunc(left / 1000) * 1000) || undefined;
}

function showPermissions({ publish, subscribe, responses }: PermissionsOptions) {
  return {
    publish: showSubjects(publish),
    subscribe: showSubjects(subscribe),
    responses:
      responses === undefined
        ? undefined
        : { max: responses.maxMsgs, ttl: responses.expires === -1 ? -1 : nanoseconds(responses.expires) },
  };
}

function showSubjects({ allow, deny }: SubjectPermission = {}) {
  const show = (list: string[] | undefined) => (list?.length ? list.map(toUtf8) : undefined);
  return { allow: show(allow), deny: show(deny) };
}
