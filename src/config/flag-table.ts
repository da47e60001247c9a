/** Every flag of the command line. The same table reads them and makes the reference page. */
import type { Capability } from './keys.js';

export interface FlagSpec {
  /** All spellings, without dashes; the first one is the name the program uses. */
  names: readonly string[];
  type: 'bool' | 'int' | 'string';
  /** As the usage text has it; empty where there is none. */
  default: string;
  capability: Capability;
  meaning: string;
}

const rows = `
host              | addr a net            | string | 0.0.0.0 | core      | host to listen on for clients
port              | p                     | int    | 4222    | core      | port to listen on for clients; -1 picks a free one
server_name       | name n                | string | auto    | core      | name of the server, without spaces
client_advertise  | -                     | string | -       | core      | address told to clients and other servers
pid               | P                     | string | -       | core      | file to write the process id to
ports_file_dir    | -                     | string | -       | core      | folder for a file with all ports
http_port         | m                     | int    | 0       | core      | port of HTTP monitoring; -1 picks a free one
https_port        | ms                    | int    | 0       | core      | port of HTTPS monitoring
config            | c                     | string | -       | core      | configuration file
t                 | -                     | bool   | false   | core      | test the configuration file and exit
signal            | sl                    | string | -       | core      | send a signal to a running server
log               | l                     | string | -       | core      | log file
log_size_limit    | -                     | int    | 0       | core      | rotate the log file when larger; 0 never
logtime           | T                     | bool   | true    | core      | timestamps in the log
logtime_utc       | -                     | bool   | false   | core      | timestamps in UTC
syslog            | s                     | bool   | false   | syslog    | log to syslog
remote_syslog     | r                     | string | -       | syslog    | address of a syslog server
debug             | D                     | bool   | false   | core      | debug log
trace             | V                     | bool   | false   | core      | trace of the protocol
VV                | -                     | bool   | false   | core      | trace, of the system account too
DV                | -                     | bool   | false   | core      | debug and trace
DVV               | -                     | bool   | false   | core      | debug and trace, of the system account too
max_traced_msg_len| -                     | int    | 0       | core      | cut traced messages; 0 does not
jetstream         | js                    | bool   | false   | core      | enable JetStream
store_dir         | sd                    | string | -       | core      | folder JetStream stores in
user              | -                     | string | -       | core      | user required for connections
pass              | -                     | string | -       | core      | password required for connections
auth              | -                     | string | -       | core      | token required for connections
tls               | -                     | bool   | false   | core      | TLS; false switches off what the file configures
tlscert           | -                     | string | -       | core      | certificate file
tlskey            | -                     | string | -       | core      | private key file
tlsverify         | -                     | bool   | false   | core      | TLS with client certificates
tlscacert         | -                     | string | -       | core      | file with the CA of client certificates
cluster           | cluster_listen        | string | -       | cluster   | address to accept routes on
cluster_name      | -                     | string | -       | cluster   | name of the cluster
cluster_advertise | -                     | string | -       | cluster   | address told to other servers
no_advertise      | -                     | bool   | false   | cluster   | do not tell clients about other servers
connect_retries   | -                     | int    | 0       | cluster   | connect retries for implicit routes
routes            | -                     | string | -       | cluster   | routes to connect to
profile           | -                     | int    | 0       | profiling | port of HTTP profiling
help              | h                     | bool   | false   | core      | show usage
version           | v                     | bool   | false   | core      | show version
help_tls          | -                     | bool   | false   | core      | show help on TLS
`;

export const flagTable: readonly FlagSpec[] = rows
  .trim()
  .split('\n')
  .map((row) => {
    const cells = row.split('|').map((cell) => cell.trim());
    const [name, others, type, byDefault, capability, meaning] = cells.map((cell) =>
      cell === '-' ? '' : cell,
    ) as [string, string, string, string, string, string];
    return {
      names: [name, ...(others === '' ? [] : others.split(' '))],
      type: type as FlagSpec['type'],
      default: byDefault,
      capability: capability as Capability,
      meaning,
    };
  });
