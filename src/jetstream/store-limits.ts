/** What the configuration of a stream lets its store hold. */
import type { StoreLimits } from './store/message-store.js';
import type { StreamConfig } from './stream-config.js';

const NANOSECONDS = 1_000_000;

export function storeLimits(config: StreamConfig): StoreLimits {
  // With `discard: new` a full stream refuses. A full subject may do so, too, but what it has beyond a limit that came later goes.
  const discardNew = config.discard === 'new';
  return {
    maxMessages: discardNew ? -1 : config.max_msgs,
    maxBytes: discardNew ? -1 : config.max_bytes,
    maxMessagesPerSubject: config.max_msgs_per_subject,
    maxAge: config.max_age / NANOSECONDS,
    allowTtl: config.allow_msg_ttl,
    deleteMarkers: config.subject_delete_marker_ttl > 0,
    allowSchedules: config.allow_msg_schedules,
  };
}
