/** Requests that move streams and consumers between the servers of a cluster, as a server answers them that is none. */
import { ApiError } from '../errors.js';
import type { Endpoint } from './api.js';

export function clusterOnly(type: string): Endpoint {
  return {
    type,
    handle() {
      throw new ApiError('clusterRequired');
    },
  };
}
