/** `/routez`, `/gatewayz`, `/leafz`, `/raftz`: the answers of a server that has no peers. */
import { utcTime } from '../protocol/json.js';
import { type Answer, type MonitorView, textAnswer } from './view.js';

export function routez({ server: { broker } }: MonitorView) {
  return {
    server_id: broker.identity.id,
    server_name: broker.serverName,
    now: utcTime(broker.clock.now()),
    num_routes: 0,
    routes: [],
  };
}

export function gatewayz({ server: { broker } }: MonitorView) {
  return {
    server_id: broker.identity.id,
    now: utcTime(broker.clock.now()),
    outbound_gateways: {},
    inbound_gateways: {},
  };
}

export function leafz({ server: { broker } }: MonitorView) {
  return {
    server_id: broker.identity.id,
    now: utcTime(broker.clock.now()),
    leafnodes: 0,
    leafs: [],
  };
}

export function raftz(): Answer {
  return textAnswer(404, 'No Raft nodes registered');
}
