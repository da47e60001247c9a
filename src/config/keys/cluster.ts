/** Keys of clusters and of gateways between them. */
export const clusterKeys = `
key                                | aliases             | type                      | default                    | reload          | since   | capability | meaning
cluster                            | -                   | map                       | -                          | partly          | -       | cluster    | routes to the other servers of the cluster
gateway                            | -                   | map                       | -                          | no              | 2.0     | gateways   | connections to other clusters
cluster.name                       | -                   | string                    | generated (dynamic)        | no              | 2.1.8   | cluster    | no spaces; must match gateway.name if both
cluster.listen                     | -                   | int or host:port          | -                          | no              | -       | cluster    | -
cluster.host                       | net                 | string                    | 0.0.0.0                    | no              | -       | cluster    | -
cluster.port                       | -                   | int                       | 0                          | no              | -       | cluster    | 6222 by convention
cluster.authorization.user         | username            | string                    | -                          | yes             | -       | cluster    | single user
cluster.authorization.pass         | password            | string                    | -                          | yes             | -       | cluster    | plain or bcrypt
cluster.authorization.timeout      | -                   | float seconds or duration | 2 (tls timeout+1 with TLS) | yes             | -       | cluster    | auth timeout; >60s warns
cluster.authorization.permissions  | -                   | permissions               | -                          | yes             | -       | cluster    | deprecated (warning)
cluster.permissions                | -                   | permissions               | -                          | yes             | -       | cluster    | import/export subjects
cluster.routes                     | -                   | []url                     | -                          | yes             | -       | cluster    | -
cluster.tls                        | -                   | tls                       | -                          | yes             | -       | cluster    | always verifies both ways
cluster.advertise                  | cluster_advertise   | string                    | -                          | yes             | -       | cluster    | -
cluster.no_advertise               | -                   | bool                      | false                      | yes             | -       | cluster    | -
cluster.connect_retries            | -                   | int                       | 0                          | yes             | -       | cluster    | implicit routes
cluster.connect_backoff            | -                   | bool                      | false                      | yes             | 2.12    | cluster    | 1s doubling to 30s
cluster.pool_size                  | -                   | int                       | 3                          | yes             | 2.10    | cluster    | -1 disables pooling
cluster.accounts                   | -                   | []string                  | ['$SYS']                   | yes             | 2.10    | cluster    | dedicated routes
cluster.compression                | -                   | string or bool or map     | accept                     | yes             | 2.10    | cluster    | off accept s2_fast s2_better s2_best s2_auto; true=s2_fast
cluster.compression.mode           | -                   | string                    | -                          | yes             | 2.10    | cluster    | -
cluster.compression.rtt_thresholds | thresholds rtts rtt | []duration                | 10ms,50ms,100ms            | yes             | 2.10    | cluster    | s2_auto: uncompressed<fast<better<best
cluster.ping_interval              | -                   | duration <=30s            | as top, max 30s            | yes             | 2.10.14 | cluster    | -
cluster.ping_max                   | -                   | int                       | as top                     | yes             | 2.10.14 | cluster    | -
cluster.write_deadline             | -                   | duration                  | as top                     | yes (new conns) | 2.12    | cluster    | -
cluster.write_timeout              | -                   | default or close or retry | default (retry)            | yes (new conns) | 2.12    | cluster    | -
gateway.name                       | -                   | string                    | -                          | no              | 2.0     | gateways   | cluster name; required
gateway.listen                     | -                   | int or host:port          | -                          | no              | -       | gateways   | -
gateway.host                       | net                 | string                    | 0.0.0.0                    | no              | -       | gateways   | -
gateway.port                       | -                   | int                       | 0                          | no              | -       | gateways   | -
gateway.authorization.user         | username            | string                    | -                          | no              | -       | gateways   | single user
gateway.authorization.pass         | password            | string                    | -                          | no              | -       | gateways   | plain or bcrypt
gateway.authorization.timeout      | -                   | float seconds or duration | 2 (tls timeout+1 with TLS) | no              | -       | gateways   | auth timeout; >60s warns
gateway.tls                        | -                   | tls                       | -                          | yes (certs)     | -       | gateways   | -
gateway.advertise                  | -                   | string                    | -                          | no              | -       | gateways   | -
gateway.connect_retries            | -                   | int                       | 0                          | no              | -       | gateways   | implicit gateways
gateway.connect_backoff            | -                   | bool                      | false                      | no              | 2.12    | gateways   | -
gateway.reject_unknown_cluster     | reject_unknown      | bool                      | false                      | no              | 2.1     | gateways   | only configured gateways may connect
gateway.gateways[].name            | -                   | string                    | -                          | no              | -       | gateways   | -
gateway.gateways[].url             | -                   | url                       | -                          | no              | -       | gateways   | -
gateway.gateways[].urls            | -                   | []url                     | -                          | no              | -       | gateways   | -
gateway.gateways[].tls             | -                   | tls                       | -                          | yes (certs)     | -       | gateways   | -
gateway.write_deadline             | -                   | duration                  | as top                     | no              | 2.12    | gateways   | -
gateway.write_timeout              | -                   | default or close or retry | default (retry)            | no              | 2.12    | gateways   | -
`;
