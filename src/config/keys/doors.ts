/** Keys of the other ways in: WebSocket and MQTT. */
export const doorsKeys = `
key                              | aliases                                                  | type               | default                 | reload             | since   | capability | meaning
mqtt                             | -                                                        | map                | -                       | partly             | 2.2     | mqtt       | MQTT listener
websocket                        | ws                                                       | map                | -                       | no (tls certs yes) | 2.2     | websocket  | alias \`ws\`; TLS required unless no_tls
websocket.listen                 | -                                                        | int or host:port   | -                       | no                 | 2.2     | websocket  | -
websocket.host                   | net                                                      | string             | 0.0.0.0                 | no                 | 2.2     | websocket  | -
websocket.port                   | -                                                        | int                | 0                       | no                 | 2.2     | websocket  | -
websocket.advertise              | -                                                        | string             | -                       | no                 | 2.2     | websocket  | -
websocket.no_tls                 | -                                                        | bool               | false                   | no                 | 2.2     | websocket  | -
websocket.tls                    | -                                                        | tls                | -                       | yes (certs)        | 2.2     | websocket  | verify off unless set
websocket.same_origin            | -                                                        | bool               | false                   | no                 | 2.2     | websocket  | -
websocket.allowed_origins        | allowed_origin allow_origins allow_origin origins origin | string or []       | -                       | no                 | 2.2     | websocket  | absolute http(s) urls
websocket.handshake_timeout      | -                                                        | duration or sec    | 0 (none)                | no                 | 2.2     | websocket  | -
websocket.compression            | compress                                                 | bool               | false                   | no                 | 2.2     | websocket  | permessage-deflate
websocket.authorization.user     | username                                                 | string             | -                       | no                 | 2.2     | websocket  | overrides top-level
websocket.authorization.pass     | password                                                 | string             | -                       | no                 | 2.2     | websocket  | -
websocket.authorization.token    | -                                                        | string             | -                       | no                 | 2.2     | websocket  | -
websocket.authorization.timeout  | -                                                        | seconds            | as server               | no                 | 2.2     | websocket  | -
websocket.jwt_cookie             | -                                                        | string             | -                       | no                 | 2.2     | websocket  | -
websocket.user_cookie            | -                                                        | string             | -                       | no                 | 2.11    | websocket  | -
websocket.pass_cookie            | -                                                        | string             | -                       | no                 | 2.11    | websocket  | -
websocket.token_cookie           | -                                                        | string             | -                       | no                 | 2.11    | websocket  | -
websocket.no_auth_user           | -                                                        | string             | -                       | no                 | 2.2     | websocket  | -
websocket.headers                | -                                                        | map<string,string> | -                       | no                 | 2.10.11 | websocket  | extra response headers
websocket.ping_interval          | -                                                        | duration           | as top                  | no                 | 2.12    | websocket  | -
mqtt.listen                      | -                                                        | int or host:port   | -                       | no                 | 2.2     | mqtt       | -
mqtt.host                        | net                                                      | string             | 0.0.0.0                 | no                 | 2.2     | mqtt       | -
mqtt.port                        | -                                                        | int                | 0                       | no                 | 2.2     | mqtt       | 1883 by convention
mqtt.tls                         | -                                                        | tls                | -                       | yes (certs)        | 2.2     | mqtt       | -
mqtt.authorization.user          | username                                                 | string             | -                       | no                 | 2.2     | mqtt       | -
mqtt.authorization.pass          | password                                                 | string             | -                       | no                 | 2.2     | mqtt       | -
mqtt.authorization.token         | -                                                        | string             | -                       | no                 | 2.2     | mqtt       | -
mqtt.authorization.timeout       | -                                                        | seconds            | as server               | no                 | 2.2     | mqtt       | -
mqtt.no_auth_user                | -                                                        | string             | -                       | no                 | 2.2     | mqtt       | -
mqtt.ack_wait                    | ackwait                                                  | duration           | 30s                     | yes                | 2.2     | mqtt       | QoS1/2 redelivery
mqtt.js_api_timeout              | api_timeout                                              | duration           | 5s                      | no                 | 2.2     | mqtt       | -
mqtt.max_ack_pending             | max_pending max_inflight                                 | int 0..65535       | 1024                    | yes                | 2.2     | mqtt       | per subscription
mqtt.js_domain                   | -                                                        | string             | -                       | no                 | 2.2     | mqtt       | -
mqtt.stream_replicas             | -                                                        | int                | by cluster size (max 3) | yes                | 2.2     | mqtt       | -
mqtt.consumer_replicas           | -                                                        | int                | -                       | yes                | 2.2     | mqtt       | ignored with warning
mqtt.consumer_memory_storage     | -                                                        | bool               | false                   | yes                | 2.2     | mqtt       | -
mqtt.consumer_inactive_threshold | consumer_auto_cleanup                                    | duration           | 0                       | yes                | 2.2     | mqtt       | -
mqtt.reject_qos2_publish         | -                                                        | bool               | false                   | no                 | 2.10    | mqtt       | -
mqtt.downgrade_qos2_subscribe    | -                                                        | bool               | false                   | no                 | 2.10    | mqtt       | -
`;
