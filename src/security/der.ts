/**
 * Reading DER, as much of it as certificates need: elements with definite lengths and one-byte tags.
 */

export interface DerElement {
  /** The identifier octet: class, constructed bit and tag number. */
  tag: number;
  /** The whole element, header included. */
  raw: Buffer;
  /** The contents. */
  value: Buffer;
}

/** The tags of the elements that are told apart by them. */
export const TAG = {
  octetString: 0x04,
  utf8String: 0x0c,
  numericString: 0x12,
  printableString: 0x13,
  t61String: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  bmpString: 0x1e,
} as const;

/** The element at `offset`; throws when the bytes are not one. */
export function readElement(bytes: Buffer, offset = 0): DerElement {
  if (offset + 2 > bytes.length) throw new Error('asn1: truncated');
  const tag = bytes[offset]!;
  if ((tag & 0x1f) === 0x1f) throw new Error('asn1: multi-byte tags are not supported');
  let length = bytes[offset + 1]!;
  let start = offset + 2;
  if (length >= 0x80) {
    const octets = length & 0x7f;
    if (octets === 0 || octets > 4 || start + octets > bytes.length) throw new Error('asn1: invalid length');
    length = bytes.readUIntBE(start, octets);
    start += octets;
  }
  if (start + length > bytes.length) throw new Error('asn1: truncated');
  return { tag, raw: bytes.subarray(offset, start + length), value: bytes.subarray(start, start + length) };
}

/** The elements that follow each other in the bytes. */
export function readElements(bytes: Buffer): DerElement[] {
  const elements: DerElement[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const element = readElement(bytes, offset);
    elements.push(element);
    offset += element.raw.length;
  }
  return elements;
}

/** An object identifier in dotted form. */
export function readOid(value: Buffer): string {
  const arcs: number[] = [];
  let arc = 0;
  for (const byte of value) {
    arc = arc * 128 + (byte & 0x7f);
    if (byte & 0x80) continue;
    if (arcs.length > 0) arcs.push(arc);
    else {
      const first = Math.min(Math.floor(arc / 40), 2);
      arcs.push(first, arc - first * 40);
    }
    arc = 0;
  }
  return arcs.join('.');
}

/** The text of a character string element; null for an element of another type. */
export function readString(element: DerElement): string | null {
  switch (element.tag) {
    case TAG.utf8String:
      return element.value.toString('utf8');
    case TAG.numericString:
    case TAG.printableString:
    case TAG.t61String:
    case TAG.ia5String:
      return element.value.toString('latin1');
    case TAG.bmpString:
      return Buffer.from(element.value.subarray(0, element.value.length & ~1))
        .swap16()
        .toString('utf16le');
    default:
      return null;
  }
}

/** A UTCTime or GeneralizedTime in the form certificates use (`...Z`); throws for another. */
export function readTime(element: DerElement): Date {
  let text = element.value.toString('latin1');
  // RFC 5280, 4.1.2.5.1: two-digit years from 50 are of the last century.
  if (element.tag === TAG.utcTime) text = (Number(text.slice(0, 2)) >= 50 ? '19' : '20') + text;
  const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/.exec(text)?.slice(1).map(Number);
  if (parts === undefined) throw new Error('asn1: invalid time');
  const [year, month, day, hour, minute, second] = parts as [number, number, number, number, number, number];
  return new Date(Date.UTC(year, month - 1, day, hour, minute, second));
}
