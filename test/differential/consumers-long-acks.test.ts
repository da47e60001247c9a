// Consumers with the longer subjects of acks and flow control, which have a domain and an account in them.
import { ackScripts } from './consumer-scripts/acks.js';
import { compareScripts } from './consumer-scripts/compare.js';
import { deliveryScripts } from './consumer-scripts/delivery.js';

compareScripts(
  'consumers with the longer subjects of acks and flow control',
  'jetstream { store_dir: "$DIR/js", domain: "hub" }\nfeature_flags { js_ack_fc_v2: true }',
  { ...deliveryScripts, ...ackScripts },
);
compareScripts(
  'the same without a domain',
  'jetstream { store_dir: "$DIR/js" }\nfeature_flags { js_ack_fc_v2: true }',
  ackScripts,
);
