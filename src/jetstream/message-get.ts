/** What a request for messages says, by the API as by direct get. */
import {
  bool,
  int,
  list,
  omitEmpty,
  optional,
  struct,
  text,
  uint64,
  type ValueOf,
} from '../protocol/json-type.js';
import { time } from '../protocol/rfc3339.js';

export const messageGetRequest = struct('JSApiMsgGetRequest', {
  seq: omitEmpty(uint64),
  last_by_subj: omitEmpty(text),
  next_by_subj: omitEmpty(text),
  batch: omitEmpty(int),
  max_bytes: omitEmpty(int),
  start_time: omitEmpty(optional(time)),
  multi_last: omitEmpty(list(text)),
  up_to_seq: omitEmpty(uint64),
  up_to_time: omitEmpty(optional(time)),
  no_hdr: omitEmpty(bool),
});
export type MessageGetRequest = ValueOf<typeof messageGetRequest>;
