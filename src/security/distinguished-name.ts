/**
 * Distinguished names of certificates: the texts that Go prints for them, and the comparison of a name with a configured one.
 */
import { type DerElement, readElement, readElements, readOid, readString } from './der.js';

export interface NameAttribute {
  /** Dotted form. */
  oid: string;
  /** Null when the value is not a character string. */
  value: string | null;
  /** The value's own DER. */
  der: Buffer;
}

/** Relative names in the order of the certificate, most significant first; each holds one or more attributes. */
export type NameSequence = NameAttribute[][];

const DOMAIN_COMPONENT = '0.9.2342.19200300.100.1.25';

/** Short names of the attribute types that Go's pkix package knows. */
const ATTRIBUTE_NAMES: Readonly<Record<string, string>> = {
  '2.5.4.3': 'CN',
  '2.5.4.5': 'SERIALNUMBER',
  '2.5.4.6': 'C',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.9': 'STREET',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
  '2.5.4.17': 'POSTALCODE',
};

/** The order in which Go puts the attributes it knows; those of one type share a relative name. */
const CANONICAL_ORDER = ['C', 'ST', 'L', 'STREET', 'POSTALCODE', 'O', 'OU', 'CN', 'SERIALNUMBER'];
/** Types of which Go keeps only the last value. */
const SINGLE_VALUED = new Set(['CN', 'SERIALNUMBER']);

/** Reads a `Name` element. Throws when it is not one. */
export function readName(name: DerElement): NameSequence {
  return readElements(name.value).map((set) =>
    readElements(set.value).map((attribute) => {
      const type = readElement(attribute.value);
      const value = readElement(attribute.value, type.raw.length);
      return { oid: readOid(type.value), value: readString(value), der: value.raw };
    }),
  );
}

/** Only the attributes Go knows, in its canonical order; without domain components and other types. */
export function canonicalName(name: NameSequence): string {
  return sequenceText(canonicalSequence(name));
}

/** As `canonicalName`, with the attributes of other types at the end, the way monitoring shows a subject. */
export function fullName(name: NameSequence): string {
  const others = name
    .flat()
    .filter(({ oid }) => ATTRIBUTE_NAMES[oid] === undefined)
    .map((attribute) => [attribute]);
  return sequenceText([...others, ...canonicalSequence(name)]);
}

/** `DC=...,DC=...` in the order of the certificate; empty without domain components. */
export function domainComponents(name: NameSequence): string {
  return name
    .flat()
    .filter(({ oid, value }) => oid === DOMAIN_COMPONENT && value !== null)
    .map(({ value }) => `DC=${value}`)
    .join(',');
}

function canonicalSequence(name: NameSequence): NameSequence {
  const sequence: NameSequence = [];
  for (const type of CANONICAL_ORDER) {
    let attributes = name.flat().filter(({ oid, value }) => ATTRIBUTE_NAMES[oid] === type && value !== null);
    if (SINGLE_VALUED.has(type)) attributes = attributes.slice(-1).filter(({ value }) => value !== '');
    if (attributes.length > 0) sequence.push(attributes);
  }
  return sequence;
}

/** RFC 2253: the last relative name first. */
function sequenceText(sequence: NameSequence): string {
  return sequence
    .toReversed()
    .map((relative) => relative.map(attributeText).join('+'))
    .join(',');
}

function attributeText({ oid, value, der }: NameAttribute): string {
  const type = ATTRIBUTE_NAMES[oid];
  if (type === undefined) return `${oid}=#${goEncoding(value, der).toString('hex')}`;
  return `${type}=${escapeValue(value ?? '')}`;
}

/** Go prints an unknown type as the DER it would itself write for the text: printable where possible, else UTF-8. */
function goEncoding(value: string | null, der: Buffer): Buffer {
  if (value === null) return der;
  const bytes = Buffer.from(value, 'utf8');
  const tag = /^[A-Za-z0-9 '()+,\-./:=?]*$/.test(value) ? 0x13 : 0x0c;
  const length = bytes.length < 128 ? [bytes.length] : longLength(bytes.length);
  return Buffer.concat([Buffer.from([tag, ...length]), bytes]);
}

function longLength(length: number): number[] {
  return length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
}

function escapeValue(value: string): string {
  const last = Buffer.byteLength(value, 'utf8') - 1;
  let position = 0;
  let text = '';
  for (const char of value) {
    const edge = position === 0 || position === last;
    const escaped = ',+"\\<>;'.includes(char) || (char === ' ' && edge) || (char === '#' && position === 0);
    text += escaped ? `\\${char}` : char;
    position += Buffer.byteLength(char, 'utf8');
  }
  return text;
}

/** One relative name as comparisons see it. */
type ComparableRdn = { type: string; value: string }[];

/** A name in the form that comparisons need, least significant part first as in text. */
export class DistinguishedName {
  readonly #rdns: ComparableRdn[];

  private constructor(rdns: ComparableRdn[]) {
    this.#rdns = rdns;
  }

  /** Null when the name has an attribute of a type without a short name, or one that is not text. */
  static fromSequence(name: NameSequence): DistinguishedName | null {
    const rdns: ComparableRdn[] = [];
    for (const relative of name.toReversed()) {
      const attributes: ComparableRdn = [];
      for (const { oid, value } of relative.toReversed()) {
        const type = oid === DOMAIN_COMPONENT ? 'DC' : ATTRIBUTE_NAMES[oid];
        if (type === undefined || value === null) return null;
        attributes.push({ type, value });
      }
      if (attributes.length > 0) rdns.push(attributes);
    }
    return new DistinguishedName(rdns);
  }

  /** Parses RFC 4514 text; null when it is not a name, as with an ordinary user name. */
  static parse(text: string): DistinguishedName | null {
    const rdns = parseRdns(Buffer.from(text, 'utf8').toString('latin1'));
    return rdns === null ? null : new DistinguishedName(rdns);
  }

  /** Same relative names in the same places. */
  equals(other: DistinguishedName): boolean {
    return (
      this.#rdns.length === other.#rdns.length &&
      this.#rdns.every((rdn, i) => rdnsEqual(rdn, other.#rdns[i]!))
    );
  }

  /** Same relative names in any order. */
  equalsInAnyOrder(other: DistinguishedName): boolean {
    if (this.#rdns.length !== other.#rdns.length) return false;
    const left = [...other.#rdns];
    return this.#rdns.every((rdn) => {
      const at = left.findIndex((candidate) => rdnsEqual(rdn, candidate));
      if (at >= 0) left.splice(at, 1);
      return at >= 0;
    });
  }
}

function rdnsEqual(a: ComparableRdn, b: ComparableRdn): boolean {
  const covers = (some: ComparableRdn, others: ComparableRdn) =>
    others.every((one) =>
      some.some(({ type, value }) => type.toUpperCase() === one.type.toUpperCase() && value === one.value),
    );
  return a.length === b.length && covers(a, b) && covers(b, a);
}

/** Works on bytes (latin1), since an escape such as `\C3` stands for a byte of UTF-8. */
function parseRdns(text: string): ComparableRdn[] | null {
  const rdns: ComparableRdn[] = [];
  let rdn: ComparableRdn = [];
  for (const part of splitParts(text) ?? [null]) {
    const attribute = part === null ? null : parseAttribute(part.text);
    if (attribute === null) return null;
    rdn.push(attribute);
    if (part!.end === '+') continue;
    rdns.push(rdn);
    rdn = [];
  }
  return rdn.length > 0 ? null : rdns;
}

/** The attributes of a name with the separator behind each; null when an escape is cut off. */
function splitParts(text: string): { text: string; end: string }[] | null {
  const parts: { text: string; end: string }[] = [];
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '\\') {
      if (++i >= text.length) return null;
    } else if (text[i] === ',' || text[i] === '+') {
      parts.push({ text: text.slice(start, i), end: text[i]! });
      start = i + 1;
    }
  }
  // Nothing but spaces after a last comma counts as the end of the name.
  if (text.slice(start).trim() !== '' || parts.at(-1)?.end === '+')
    parts.push({ text: text.slice(start), end: '' });
  return parts;
}

function parseAttribute(part: string): { type: string; value: string } | null {
  const equals = part.indexOf('=');
  // `#` starts a BER encoded value, which the official server does not support either.
  if (equals < 1 || part[equals + 1] === '#') return null;
  const type = part.slice(0, equals).trim();
  const value = unescapeValue(part.slice(equals + 1));
  return type === '' || value === null ? null : { type, value };
}

function unescapeValue(text: string): string | null {
  let bytes = '';
  // How much of the result is there on purpose: unescaped spaces at the end are not.
  let kept = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (char === ' ') {
      if (bytes !== '') bytes += ' ';
      continue;
    }
    if (char !== '\\') bytes += char;
    else if (' "#+,;<=>\\'.includes(text[i + 1]!)) bytes += text[++i];
    else {
      const hex = text.slice(i + 1, i + 3);
      if (!/^[0-9A-Fa-f]{2}$/.test(hex)) return null;
      bytes += String.fromCharCode(Number.parseInt(hex, 16));
      i += 2;
    }
    kept = bytes.length;
  }
  return Buffer.from(bytes.slice(0, kept), 'latin1').toString('utf8');
}
