/**
 * The package's public API: a NATS server inside a Node program.
 *
 * ```ts
 * import { WeftServer } from 'weft-server';
 *
 * await using server = await WeftServer.create({ max_payload: 65536 });
 * console.log(server.url);
 * ```
 */
import { warmUp } from './warm-up.js';

export type { ConnectionType } from './config/options.js';
export type {
  AccountConfig,
  AccountJetStreamConfig,
  AuthCalloutConfig,
  AuthorizationConfig,
  ExportConfig,
  ImportConfig,
  JetStreamConfig,
  MappingConfig,
  MappingDestinationConfig,
  PermissionsConfig,
  ServerConfig,
  SubjectsConfig,
  TlsConfig,
  UserConfig,
} from './config/server-config.js';
export { InProcessConnection } from './embedding/duplex.js';
export type { ConnectionInfo, EndedConnectionInfo, WeftServerEvents } from './embedding/events.js';
export type { HeadersInit } from './embedding/headers.js';
export type {
  AuthenticatedUser,
  AuthenticateHook,
  AuthenticationRequest,
  AuthorizeHook,
  UserGrant,
} from './embedding/hooks.js';
export { ConfigError, type ConfigFile, type ConfigSource, type ConfigText } from './embedding/load.js';
export {
  type LocalClient,
  type LocalMessage,
  type LocalSubscription,
  type MessageHandler,
  type Payload,
  type PublishOptions,
  RequestError,
  type RequestOptions,
  type SubscribeOptions,
} from './embedding/local-client.js';
export { SnapshotError } from './embedding/snapshot-codec.js';
export type { ClosedReason } from './protocol/errors.js';
export type { Clock, Timer } from './runtime/clock.js';
export type { Disk, DiskEntry, DiskFile, DiskStatus, OpenMode, SyncCallback } from './runtime/disk.js';
export type { Log } from './runtime/log.js';
export type { PeerCertificate } from './security/peer-certificate.js';
export { natsVersion, weftVersion } from './version.js';
export {
  type EmbeddingOptions,
  type InProcessOptions,
  WeftServer,
  type WeftServerInfo,
} from './weft-server.js';

await warmUp();
