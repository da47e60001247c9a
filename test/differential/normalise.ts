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
