/** Addresses as texts. The way back, from text to parts, is the configuration's (`host-port.ts` there). */

/** `host:port`, with a host that has colons (IPv6) in brackets. */
export function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
