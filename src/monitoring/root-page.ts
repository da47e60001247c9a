/** The page at the root: links to the others. */
import { natsVersion, weftVersion } from '../version.js';

const links: readonly (readonly [label: string, path: string])[] = [
  ['General', '/varz'],
  ['JetStream', '/jsz'],
  ['Connections', '/connz'],
  ['Accounts', '/accountz'],
  ['Account Stats', '/accstatz'],
  ['Subscriptions', '/subsz'],
  ['Routes', '/routez'],
  ['LeafNodes', '/leafz'],
  ['Gateways', '/gatewayz'],
  ['Raft Groups', '/raftz'],
  ['Health Probe', '/healthz'],
  ['Metrics', '/metrics'],
  ['Expvar', '/debug/vars'],
];

/** `base` is where the pages are, without a slash at the end. */
export function rootPage(base: string): string {
  const items = links
    .map(([label, path]) => `      <li><a href=".${escapeHtml(base + path)}">${label}</a></li>`)
    .join('\n');
  return `<!DOCTYPE html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <title>weft-server</title>
    <style>
      body { font-family: system-ui, sans-serif; margin: 2rem }
      ul { list-style: none; padding: 0; line-height: 1.8 }
      a { color: #3b32ca; text-decoration: none }
      a:hover { text-decoration: underline }
    </style>
  </head>
  <body>
    <h1>weft-server ${weftVersion}</h1>
    <p>Speaks as nats-server ${natsVersion}.</p>
    <ul>
${items}
    </ul>
  </body>
</html>
`;
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
