/** Networks in CIDR form, `10.0.0.0/8` or `fd00::/8`: where users may come from. */
import { BlockList, isIPv4, isIPv6 } from 'node:net';

export interface Network {
  contains(address: string): boolean;
}

/** Null when the text is not a network. */
export function parseNetwork(text: string): Network | null {
  const [, address, digits] = /^([0-9a-fA-F.:]+)\/([0-9]{1,3})$/.exec(text) ?? [];
  if (address === undefined) return null;
  const family = isIPv4(address) ? 'ipv4' : isIPv6(address) ? 'ipv6' : null;
  const bits = Number(digits);
  if (family === null || bits > (family === 'ipv4' ? 32 : 128)) return null;
  const list = new BlockList();
  list.addSubnet(address, bits, family);
  return { contains: (other) => list.check(other, isIPv4(other) ? 'ipv4' : 'ipv6') };
}
