/** Keys outside of any block: identity, client listener, limits, logging, monitoring. */
export const generalKeys = `
key                     | aliases          | type                      | default      | reload                        | since | capability | meaning
listen                  | -                | int or host:port          | 0.0.0.0:4222 | no                            | -     | core       | client listener
host                    | net              | string                    | 0.0.0.0      | no                            | -     | core       | client bind host
port                    | -                | int                       | 4222         | no, except to -1              | -     | core       | client port; -1 random
client_advertise        | -                | string host[:port]        | -            | yes                           | -     | core       | address told to clients and peers
server_name             | -                | string                    | server id    | no                            | 2.0   | core       | unique server name; no spaces
server_tags             | -                | string or []string        | -            | yes                           | 2.2.3 | core       | tags, lower-cased; shown in monitoring
server_metadata         | -                | map<string,string>        | -            | yes                           | 2.12  | core       | free key/values shown in server info
feature_flags           | -                | map<string,bool>          | -            | no                            | 2.14  | core       | opt in or out of features of the server
debug                   | -                | bool                      | false        | yes                           | -     | core       | debug log
trace                   | -                | bool                      | false        | yes                           | -     | core       | protocol trace
trace_verbose           | -                | bool                      | false        | yes                           | 2.1   | core       | trace the system account too; also sets trace
trace_headers           | -                | bool                      | false        | yes                           | 2.12  | core       | trace headers only, no payload; also sets trace
logtime                 | -                | bool                      | true         | yes                           | -     | core       | timestamps in log
logtime_utc             | -                | bool                      | false        | yes                           | 2.10  | core       | UTC timestamps
log_file                | logfile          | string                    | -            | yes                           | -     | core       | log file path
logfile_size_limit      | log_size_limit   | size                      | 0            | no                            | -     | core       | rotate when larger; 0 off
logfile_max_num         | log_max_num      | int                       | 0            | no                            | 2.10  | core       | keep at most N rotated files; 0 all
syslog                  | -                | bool                      | false        | yes                           | -     | syslog     | log to syslog
remote_syslog           | -                | string                    | -            | yes                           | -     | syslog     | udp://host:port
pid_file                | pidfile          | string                    | -            | yes                           | -     | core       | pid file
ports_file_dir          | -                | string                    | -            | yes                           | -     | core       | dir for ports file
prof_port               | -                | int                       | 0            | no                            | -     | profiling  | pprof HTTP port
prof_block_rate         | -                | int                       | 0            | yes                           | 2.10  | profiling  | block profile rate
http                    | -                | int or host:port          | -            | no                            | -     | core       | HTTP monitoring listener
https                   | -                | int or host:port          | -            | no                            | -     | core       | HTTPS monitoring listener
http_port               | monitor_port     | int                       | 0            | no                            | -     | core       | HTTP monitoring port
https_port              | -                | int                       | 0            | no                            | -     | core       | HTTPS monitoring port
http_base_path          | -                | string                    | /            | no                            | 2.2   | core       | path prefix of monitoring
max_control_line        | -                | size                      | 4096         | yes (new connections)         | -     | core       | max protocol line bytes; <=2^31-1 (\`max_control_line value is too big\`)
max_payload             | -                | size                      | 1048576      | yes (INFO re-sent)            | -     | core       | largest message in bytes; at most max_pending
max_pending             | -                | size                      | 67108864     | no                            | -     | core       | max outbound bytes per client
max_connections         | max_conn         | int                       | 65536        | yes (excess closed at random) | -     | core       | clients at once; 0 and less let nobody in
max_subscriptions       | max_subs         | int                       | 0            | no                            | -     | core       | per connection; 0 unlimited
max_subscription_tokens | max_sub_tokens   | int 1..255                | 0            | no                            | 2.2   | core       | most tokens in the subject of a subscription; 0 is unlimited (not accepted in a file)
max_traced_msg_len      | -                | int                       | 0            | yes                           | -     | core       | cut traced messages
max_closed_clients      | -                | int                       | 10000        | no                            | 2.11  | core       | closed connections kept for connz
ping_interval           | -                | duration                  | 2m           | yes                           | -     | core       | time between PINGs to an idle client
ping_max                | -                | int                       | 2            | yes                           | -     | core       | outstanding pings before stale
write_deadline          | -                | duration                  | 10s          | yes                           | -     | core       | socket write deadline
write_timeout           | -                | default or close or retry | default      | no                            | 2.12  | core       | what to do on write timeout (default: close clients, retry others)
no_fast_producer_stall  | -                | bool                      | false        | yes                           | 2.11  | core       | drop instead of stalling producers
lame_duck_duration      | -                | duration >=30s            | 2m           | no                            | 2.0   | core       | time over which lame duck mode closes the clients
lame_duck_grace_period  | -                | duration                  | 10s          | no                            | 2.1.8 | core       | wait before lame duck mode closes the first client; must be shorter than the duration
no_header_support       | -                | bool                      | false        | no                            | 2.2   | core       | refuse headers
disable_sublist_cache   | no_sublist_cache | bool                      | false        | no                            | 2.1   | core       | no sublist cache
connect_error_reports   | -                | int                       | 3600         | yes                           | 2.1   | core       | log every Nth failed first connect to another server
reconnect_error_reports | -                | int                       | 1            | yes                           | 2.1   | core       | log every Nth failed reconnect to another server
proxy_protocol          | -                | bool                      | false        | no                            | 2.12  | core       | accept PROXY v1/v2 header on client port
allow_non_tls           | -                | bool                      | false        | no                            | 2.2   | core       | mixed TLS/plain on client port
`;
