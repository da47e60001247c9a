/**
 * The PROXY protocol header, versions 1 (text) and 2 (binary), that a load balancer puts in front of a connection.
 *
 * https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt; limits and error texts are those of the official server.
 */
import { isIPv4, isIPv6 } from 'node:net';

/** Milliseconds within which the header must have arrived. */
export const PROXY_HEADER_TIMEOUT = 5000;

export interface ProxyAddress {
  /** In the canonical form of RFC 5952; IPv4 in IPv6 as plain IPv4. */
  ip: string;
  port: number;
}

export type ProxyHeader =
  /** Cannot tell yet: parse again when more bytes are there. */
  | { kind: 'need-more' }
  /** These bytes do not start with a header: an ordinary connection. */
  | { kind: 'none' }
  /** A header of `length` bytes; address null when it says to keep the socket's own (LOCAL, UNKNOWN). */
  | { kind: 'header'; length: number; address: ProxyAddress | null }
  | { kind: 'error'; text: string };

const V1_PREFIX = Buffer.from('PROXY ');
/** Of the whole line, CR LF included. */
const V1_MAX_LENGTH = 107;
const V2_SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n');
/** Version and header kind are told apart by this many bytes; a later mismatch is an error, not an ordinary connection. */
const DETECT_LENGTH = 6;
const V2_HEAD_LENGTH = 16;

const NEED_MORE: ProxyHeader = Object.freeze({ kind: 'need-more' });
const NONE: ProxyHeader = Object.freeze({ kind: 'none' });

function invalid(detail: string): ProxyHeader {
  return { kind: 'error', text: `invalid PROXY protocol header: ${detail}` };
}

function unsupported(detail: string): ProxyHeader {
  return { kind: 'error', text: `unsupported PROXY protocol feature: ${detail}` };
}

/** Looks at all bytes from `start` to `end` that a connection has sent so far. */
export function parseProxyHeader(bytes: Uint8Array, start: number, end: number): ProxyHeader {
  const input = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
  if (startsLike(input, V1_PREFIX, DETECT_LENGTH)) {
    return input.length < DETECT_LENGTH ? NEED_MORE : parseV1(input);
  }
  if (startsLike(input, V2_SIGNATURE, DETECT_LENGTH)) {
    return input.length < DETECT_LENGTH ? NEED_MORE : parseV2(input);
  }
  return NONE;
}

/** Whether the bytes agree with the first `length` of the expected ones, as far as they go. */
function startsLike(input: Buffer, expected: Buffer, length: number): boolean {
  const common = Math.min(input.length, length);
  return input.compare(expected, 0, common, 0, common) === 0;
}

function parseV1(input: Buffer): ProxyHeader {
  const lineEnd = input.subarray(0, V1_MAX_LENGTH).indexOf('\r\n', DETECT_LENGTH, 'latin1');
  if (lineEnd < 0) return input.length < V1_MAX_LENGTH ? NEED_MORE : invalid('v1 line too long');
  const length = lineEnd + 2;
  const parts = input
    .toString('latin1', DETECT_LENGTH, lineEnd)
    .split(/[\t\n\v\f\r ]+/)
    .filter((part) => part !== '');
  if (parts[0] === 'UNKNOWN') return { kind: 'header', length, address: null };
  if (parts.length !== 5) return invalid('invalid v1 format');
  const [protocol, source, destination, sourcePort, destinationPort] = parts as [
    string,
    string,
    string,
    string,
    string,
  ];
  const ip = canonicalAddress(source);
  if (ip === null || canonicalAddress(destination) === null) return invalid('invalid address');
  const problem = portProblem('source', sourcePort) ?? portProblem('dest', destinationPort);
  if (problem !== null) return { kind: 'error', text: problem };
  const sixes = [source, destination].filter((address) => address.includes(':')).length;
  if (protocol === 'TCP4' && sixes > 0) return invalid('TCP4 with IPv6 address');
  if (protocol === 'TCP6' && sixes < 2) return invalid('TCP6 with IPv4 address');
  if (protocol !== 'TCP4' && protocol !== 'TCP6') return invalid(`invalid protocol ${protocol}`);
  return { kind: 'header', length, address: { ip, port: Number(sourcePort) } };
}

/** The text of Go's number parser when a port is none. */
function portProblem(which: string, text: string): string | null {
  const problem = !/^[0-9]+$/.test(text)
    ? 'invalid syntax'
    : Number(text) > 0xffff
      ? 'value out of range'
      : null;
  if (problem === null) return null;
  return `invalid ${which} port: strconv.ParseUint: parsing ${JSON.stringify(text)}: ${problem}`;
}

function parseV2(input: Buffer): ProxyHeader {
  if (!startsLike(input, V2_SIGNATURE, V2_SIGNATURE.length)) return invalid('invalid signature');
  if (input.length < V2_HEAD_LENGTH) return NEED_MORE;
  const version = input[12]! & 0xf0;
  const command = input[12]! & 0x0f;
  const family = input[13]! & 0xf0;
  const transport = input[13]! & 0x0f;
  const size = input.readUInt16BE(14);
  if (version !== 0x20) return invalid(`invalid version 0x${hex(version)}`);
  if (command > 1) return { kind: 'error', text: `unknown PROXY protocol command: 0x${hex(command)}` };
  if (command === 1) {
    if (transport !== 1) return unsupported('only STREAM protocol supported');
    if (family > 0x20) return unsupported(`unsupported address family 0x${hex(family)}`);
    if (family === 0x10 && size < 12) {
      return { kind: 'error', text: `IPv4 address data too short: ${size} bytes` };
    }
    if (family === 0x20 && size < 36) {
      return { kind: 'error', text: `IPv6 address data too short: ${size} bytes` };
    }
  }
  const length = V2_HEAD_LENGTH + size;
  if (input.length < length) return NEED_MORE;
  return { kind: 'header', length, address: command === 0 ? null : addressV2(input, family) };
}

function addressV2(input: Buffer, family: number): ProxyAddress | null {
  if (family === 0x10) return { ip: [...input.subarray(16, 20)].join('.'), port: input.readUInt16BE(24) };
  if (family === 0) return null;
  const groups = Array.from({ length: 8 }, (_, i) => input.readUInt16BE(16 + 2 * i));
  return { ip: formatGroups(groups), port: input.readUInt16BE(48) };
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}

/** An address in canonical form; null for anything else, an IPv6 zone included. */
function canonicalAddress(text: string): string | null {
  if (isIPv4(text)) return text;
  if (!isIPv6(text) || text.includes('%')) return null;
  // Two groups for the dotted form that may end an IPv6 address.
  const plain = text.replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) =>
    [a * 256 + +b, c * 256 + +d].map((group) => group.toString(16)).join(':'),
  );
  const [head, tail] = plain.split('::').map((half) => (half === '' ? [] : half.split(':'))) as [
    string[],
    string[]?,
  ];
  const zeros = tail === undefined ? [] : new Array<string>(8 - head.length - tail.length).fill('0');
  return formatGroups([...head, ...zeros, ...(tail ?? [])].map((group) => Number.parseInt(group, 16)));
}

/** RFC 5952: the first longest run of two or more zero groups becomes `::`. */
function formatGroups(groups: number[]): string {
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return groups
      .slice(6)
      .flatMap((group) => [group >> 8, group & 0xff])
      .join('.');
  }
  let best = { at: -1, length: 1 };
  for (let at = 0; at < 8; at++) {
    let length = 0;
    while (groups[at + length] === 0) length++;
    if (length > best.length) best = { at, length };
  }
  const text = (part: number[]) => part.map((group) => group.toString(16)).join(':');
  if (best.at < 0) return text(groups);
  return `${text(groups.slice(0, best.at))}::${text(groups.slice(best.at + best.length))}`;
}
