/** Headers of requests. */

/** The value of a header field, written in just this case; empty when it is not there. */
export function headerValue(header: Buffer, name: string): string {
  for (const line of header.toString('utf8').split('\r\n')) {
    if (line.startsWith(`${name}:`)) return line.slice(name.length + 1).trim();
  }
  return '';
}
