/**
 * Go's names of cipher suites and curves beside OpenSSL's. Configurations and monitoring speak Go, Node speaks OpenSSL.
 */

export interface CipherSuite {
  /** Go's name. */
  name: string;
  /** OpenSSL's name. */
  openssl: string;
  tls13: boolean;
  /** Needs `allow_insecure_cipher_suites`. */
  insecure: boolean;
}

function suites(tls13: boolean, insecure: boolean, table: Record<string, string>): CipherSuite[] {
  return Object.entries(table).map(([name, openssl]) => ({ name, openssl, tls13, insecure }));
}

/** Most preferred first. Go ignores the order of a configured list in favour of its own; so do we. */
export const CIPHER_SUITES: readonly CipherSuite[] = [
  ...suites(true, false, {
    TLS_AES_128_GCM_SHA256: 'TLS_AES_128_GCM_SHA256',
    TLS_AES_256_GCM_SHA384: 'TLS_AES_256_GCM_SHA384',
    TLS_CHACHA20_POLY1305_SHA256: 'TLS_CHACHA20_POLY1305_SHA256',
  }),
  ...suites(false, false, {
    TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: 'ECDHE-ECDSA-AES128-GCM-SHA256',
    TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: 'ECDHE-RSA-AES128-GCM-SHA256',
    TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: 'ECDHE-ECDSA-AES256-GCM-SHA384',
    TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: 'ECDHE-RSA-AES256-GCM-SHA384',
    TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-ECDSA-CHACHA20-POLY1305',
    TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-RSA-CHACHA20-POLY1305',
    TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA: 'ECDHE-ECDSA-AES128-SHA',
    TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA: 'ECDHE-RSA-AES128-SHA',
    TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA: 'ECDHE-ECDSA-AES256-SHA',
    TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA: 'ECDHE-RSA-AES256-SHA',
  }),
  ...suites(false, true, {
    TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256: 'ECDHE-ECDSA-AES128-SHA256',
    TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256: 'ECDHE-RSA-AES128-SHA256',
    TLS_RSA_WITH_AES_128_GCM_SHA256: 'AES128-GCM-SHA256',
    TLS_RSA_WITH_AES_256_GCM_SHA384: 'AES256-GCM-SHA384',
    TLS_RSA_WITH_AES_128_CBC_SHA256: 'AES128-SHA256',
    TLS_RSA_WITH_AES_128_CBC_SHA: 'AES128-SHA',
    TLS_RSA_WITH_AES_256_CBC_SHA: 'AES256-SHA',
    TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA: 'ECDHE-RSA-DES-CBC3-SHA',
    TLS_RSA_WITH_3DES_EDE_CBC_SHA: 'DES-CBC3-SHA',
    TLS_ECDHE_ECDSA_WITH_RC4_128_SHA: 'ECDHE-ECDSA-RC4-SHA',
    TLS_ECDHE_RSA_WITH_RC4_128_SHA: 'ECDHE-RSA-RC4-SHA',
    TLS_RSA_WITH_RC4_128_SHA: 'RC4-SHA',
  }),
];

export interface Curve {
  /** Go's name. */
  name: string;
  /** OpenSSL's name of the group. */
  openssl: string;
}

/** The default preference, best first. The hybrids with ML-KEM need OpenSSL 3.5. */
export const CURVES: readonly Curve[] = [
  { name: 'X25519MLKEM768', openssl: 'X25519MLKEM768' },
  { name: 'SecP384r1MLKEM1024', openssl: 'SecP384r1MLKEM1024' },
  { name: 'SecP256r1MLKEM768', openssl: 'SecP256r1MLKEM768' },
  { name: 'X25519', openssl: 'X25519' },
  { name: 'CurveP256', openssl: 'P-256' },
  { name: 'CurveP384', openssl: 'P-384' },
  { name: 'CurveP521', openssl: 'P-521' },
];

/** Go's name for what `TLSSocket.getCipher().name` says; that name itself for a suite Go does not have. */
export function goCipherSuiteName(openssl: string): string {
  return CIPHER_SUITES.find((suite) => suite.openssl === openssl)?.name ?? openssl;
}

/** `1.3` for Node's `TLSv1.3`, as the official server prints versions. */
export function goTlsVersion(protocol: string): string {
  return protocol === 'TLSv1' ? '1.0' : protocol.replace(/^TLSv/, '');
}
