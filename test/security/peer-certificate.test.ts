import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { canonicalName, DistinguishedName } from '../../src/security/distinguished-name.js';
import {
  certificateUserNames,
  type PeerCertificate,
  peerCertificateInfo,
  readPeerCertificate,
} from '../../src/security/peer-certificate.js';
import { CertificateAuthority, type CertificateRequest } from '../support/certificates.js';

const authority = new CertificateAuthority();
const issue = (request: CertificateRequest): PeerCertificate =>
  readPeerCertificate(authority.issue(request).der);

/** The texts are those of Go's crypto/x509 for the same certificates. */
const SUBJECTS: { subject: CertificateRequest['subject']; full: string; canonical?: string }[] = [
  {
    subject: [{ C: 'DE' }, { ST: 'BY' }, { L: 'M' }, { O: 'Weft' }, { OU: 'A' }, { OU: 'B' }, { CN: 'bob' }],
    full: 'CN=bob,OU=A+OU=B,O=Weft,L=M,ST=BY,C=DE',
  },
  {
    subject: [{ DC: 'com' }, { DC: 'example' }, { OU: 'People' }, { CN: 'Alice, "A" <x>;+\\' }],
    full:
      'CN=Alice\\, \\"A\\" \\<x\\>\\;\\+\\\\,OU=People,' +
      '0.9.2342.19200300.100.1.25=#13076578616d706c65,0.9.2342.19200300.100.1.25=#1303636f6d',
    canonical: 'CN=Alice\\, \\"A\\" \\<x\\>\\;\\+\\\\,OU=People',
  },
  { subject: [{ CN: 'bob', OU: 'multi' }, { O: 'org' }], full: 'CN=bob,OU=multi,O=org' },
  {
    subject: [{ CN: ' lead#' }, { O: '#x ' }, { UID: 'u1' }, { SERIALNUMBER: '42' }],
    full: 'SERIALNUMBER=42,CN=\\ lead#,O=\\#x\\ ,0.9.2342.19200300.100.1.1=#13027531',
    canonical: 'SERIALNUMBER=42,CN=\\ lead#,O=\\#x\\ ',
  },
  {
    subject: [{ CN: 'Jürgen' }, { UID: 'ü*' }],
    full: 'CN=Jürgen,0.9.2342.19200300.100.1.1=#0c03c3bc2a',
    canonical: 'CN=Jürgen',
  },
  { subject: [{ CN: 'first' }, { CN: 'second' }], full: 'CN=second' },
  { subject: [], full: '' },
];

describe('peer certificate', () => {
  for (const { subject, full, canonical } of SUBJECTS) {
    it(`prints the subject as Go does: ${full}`, () => {
      const peer = issue({ subject });
      assert.equal(peerCertificateInfo(peer).subject, full);
      assert.equal(canonicalName(peer.subject), canonical ?? full);
    });
  }

  it('tries the names in the official order', () => {
    const peer = issue({
      subject: [{ DC: 'org' }, { DC: 'weft' }, { CN: 'bob' }],
      emails: ['bob@weft.org', 'b@weft.org'],
      dnsNames: ['bob.weft.org'],
      uris: ['spiffe://weft.org/bob'],
      ipAddresses: ['127.0.0.1'],
    });
    const names = certificateUserNames(peer).map((entry) =>
      entry.kind === 'name' ? `${entry.from} ${entry.name}` : entry.kind,
    );
    assert.deepEqual(names, [
      'email bob@weft.org',
      'email b@weft.org',
      'dns bob.weft.org',
      'uri spiffe://weft.org/bob',
      'distinguished-name',
      'subject CN=bob,DC=org,DC=weft',
      'subject CN=bob',
    ]);
  });

  it('hashes and dates agree with node', () => {
    const notAfter = new Date('2060-02-03T04:05:06Z');
    const { der, cert } = authority.issue({ subject: 'x', notAfter });
    const peer = readPeerCertificate(der);
    const reference = new X509Certificate(cert);
    assert.equal(peer.certSha256, reference.fingerprint256.replaceAll(':', '').toLowerCase());
    assert.deepEqual(peer.notAfter, notAfter);
    assert.deepEqual(
      issue({ notAfter: new Date('2049-12-31T23:59:59Z') }).notAfter,
      new Date('2049-12-31T23:59:59Z'),
    );
    assert.match(peer.spkiSha256, /^[0-9a-f]{64}$/);
    assert.equal(new X509Certificate(authority.cert).ca, true);
    assert.equal(reference.verify(new X509Certificate(authority.cert).publicKey), true);
  });

  it('throws for bytes that are no certificate', () => {
    const { der } = authority.issue({ subject: 'x' });
    assert.throws(() => readPeerCertificate(Buffer.alloc(0)));
    assert.throws(() => readPeerCertificate(der.subarray(0, 100)));
    assert.throws(() => readPeerCertificate(Buffer.from('3003020101', 'hex')));
  });
});

describe('distinguished names', () => {
  const subjectOf = (subject: CertificateRequest['subject']) =>
    DistinguishedName.fromSequence(issue({ subject }).subject);

  /** Configured texts beside subjects: equal, equal in another order, or neither. */
  const cases: [
    text: string,
    subject: CertificateRequest['subject'],
    expected: 'equal' | 'reordered' | 'different',
  ][] = [
    ['CN=bob,O=Weft', [{ O: 'Weft' }, { CN: 'bob' }], 'equal'],
    ['cn = bob , o= Weft ', [{ O: 'Weft' }, { CN: 'bob' }], 'equal'],
    ['O=Weft,CN=bob', [{ O: 'Weft' }, { CN: 'bob' }], 'reordered'],
    ['CN=bob,DC=weft,DC=org', [{ DC: 'org' }, { DC: 'weft' }, { CN: 'bob' }], 'equal'],
    ['CN=Bob,O=Weft', [{ O: 'Weft' }, { CN: 'bob' }], 'different'],
    ['CN=bob', [{ O: 'Weft' }, { CN: 'bob' }], 'different'],
    ['OU=multi+CN=bob,O=org', [{ O: 'org' }, { CN: 'bob', OU: 'multi' }], 'equal'],
    ['OU=multi,CN=bob,O=org', [{ O: 'org' }, { CN: 'bob', OU: 'multi' }], 'different'],
    ['CN=a\\,b\\20,O=\\#1', [{ O: '#1' }, { CN: 'a,b ' }], 'equal'],
    ['CN=J\\C3\\BCrgen', [{ CN: 'Jürgen' }], 'equal'],
    ['CN=Jürgen', [{ CN: 'Jürgen' }], 'equal'],
    ['OU=a,OU=a,OU=b', [{ OU: 'a' }, { OU: 'b' }, { OU: 'b' }], 'different'],
  ];
  for (const [text, subject, expected] of cases) {
    it(`${text} is ${expected} to ${JSON.stringify(subject)}`, () => {
      const configured = DistinguishedName.parse(text)!;
      const presented = subjectOf(subject)!;
      assert.equal(configured.equals(presented), expected === 'equal');
      assert.equal(configured.equalsInAnyOrder(presented), expected !== 'different');
    });
  }

  it('does not take other texts for names', () => {
    for (const text of [
      'bob',
      'bob@example.com',
      'CN=a,b',
      'CN=a+',
      '=a',
      'CN=#04',
      'CN=a\\',
      'CN=a\\zz',
      ',CN=a',
    ]) {
      assert.equal(DistinguishedName.parse(text), null, text);
    }
  });

  it('cannot compare a subject with a type that has no short name', () => {
    assert.equal(subjectOf([{ UID: 'x' }, { CN: 'bob' }]), null);
  });
});
