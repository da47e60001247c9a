// Takes out of transcripts and monitoring answers what differs between two runs of the same server: identities,
// ports, times. It works on text, so that the order of keys and the spaces stay part of the comparison.

/** Masks the volatile fields of every INFO line. Client ids become distances from `firstId`. */
export function maskInfo(received: string, firstId: number): string {
  return received.replace(/^INFO \{.*\} ?\r$/gm, (line) => maskInfoLine(line, firstId));
}

function maskInfoLine(line: string, firstId: number): string {
  const id = /"server_id":"(\w*)"/.exec(line)?.[1];
  let text = line;
  if (id) text = text.replaceAll(`"${id}"`, '"<server id>"');
  return text
    .replace(/"(nonce|xkey|go)":"[^"]*"/g, (_, key: string) => `"${key}":"<${key}>"`)
    .replace(/"git_commit":"[^"]*",/, '')
    .replace(/"weft_version":"[^"]*",|,"weft_version":"[^"]*"/, '')
    .replace(/"port":\d+/, '"port":"<port>"')
    .replace(/"client_id":(\d+)/, (_, number: string) => `"client_id":"first+${Number(number) - firstId}"`);
}

/**
 * Cuts what a client received into frames: lines, and messages with their payload. Which of several subscriptions of
 * one client gets a message first is nobody's promise, so deliveries of the same message in a row are sorted.
 */
export function frames(received: string): string[] {
  const found: string[] = [];
  for (let at = 0; at < received.length; ) {
    const end = frameEnd(received, at);
    found.push(maskCrossing(received.slice(at, end)));
    at = end;
  }
  return sortDeliveries(found);
}

/**
 * Masks what two servers cannot have in common in messages that came from another account or tell of services: reply subjects made
 * by the server, times, ids. Sizes become those of the masked text.
 */
export function maskCrossing(frame: string): string {
  const named = frame.replace(
    /_R_\.\w{6}\.\w{6}(\.\w{8}\.T)?/g,
    (_, tracked?: string) => `_R_<reply${tracked ? '.T' : ''}>`,
  );
  const head = /^(H?MSG .*?) (?:(\d+) )?(\d+)\r\n/.exec(named);
  if (!head || !/Nats-Request-Info|io\.nats\.server\.metric/.test(named)) return named;
  const body = named
    .slice(head[0].length)
    .replace(/"(rtt|id|service|system|total)":\d+/g, (_, key: string) => `"${key}":0`)
    .replace(/"(start|timestamp|server|id)":"[^"]*"/g, (_, key: string) => `"${key}":""`);
  const header = head[2] === undefined ? '' : `${body.indexOf('\r\n\r\n') + 4} `;
  return `${head[1]} ${header}${body.length - 2}\r\n${body}`;
}

const MESSAGE = /^(H?MSG) (\S+) (\S+) (.*\r\n[\s\S]*)$/;

function frameEnd(received: string, at: number): number {
  const lineEnd = received.indexOf('\r\n', at);
  if (lineEnd < 0) return received.length;
  const size = /^H?MSG .* (\d+)$/.exec(received.slice(at, lineEnd))?.[1];
  return Math.min(received.length, size === undefined ? lineEnd + 2 : lineEnd + 4 + Number(size));
}

function sortDeliveries(found: string[]): string[] {
  const sorted: string[] = [];
  let run: string[] = [];
  let key = '';
  for (const frame of found) {
    const parts = MESSAGE.exec(frame);
    const own = parts ? `${parts[1]} ${parts[2]} ${parts[4]}` : '';
    if (own !== key || !parts) {
      sorted.push(...run.sort());
      run = [];
    }
    key = own;
    if (parts) run.push(frame);
    else sorted.push(frame);
  }
  return [...sorted, ...run.sort()];
}
