/** A `tls {}` block as the configuration gives it: names and paths, nothing loaded yet. */
export interface TlsOptions {
  certFile?: string;
  keyFile?: string;
  caFile?: string;
  /** More pairs; not together with certFile. */
  certs: { certFile: string; keyFile: string }[];
  verify: boolean;
  verifyAndMap: boolean;
  verifyCertAndCheckKnownUrls: boolean;
  insecure: boolean;
  /** Milliseconds for the handshake. */
  timeout: number;
  /** Go's names, such as TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256. Empty: the default list. */
  cipherSuites: string[];
  allowInsecureCipherSuites: boolean;
  /** Go's names, such as CurveP256. Empty: the default list. */
  curvePreferences: string[];
  minVersion: '1.2' | '1.3';
  /** Lower-case hex SHA-256 of the certificates' SubjectPublicKeyInfo. */
  pinnedCerts: string[];
  /** Handshakes per second on the client port; 0 is unlimited. */
  connectionRateLimit: number;
  handshakeFirst: boolean;
  /** Milliseconds to wait for the client's first bytes before falling back to INFO first; 0 is no fallback. */
  handshakeFirstFallback: number;
  /** SHA-256 over the files named above as they were when checked; absent where they were not. */
  filesDigest?: string;
}

/** What an empty `tls {}` block stands for. */
export function defaultTlsOptions(): TlsOptions {
  return {
    certs: [],
    verify: false,
    verifyAndMap: false,
    verifyCertAndCheckKnownUrls: false,
    insecure: false,
    timeout: 2000,
    cipherSuites: [],
    allowInsecureCipherSuites: false,
    curvePreferences: [],
    minVersion: '1.2',
    pinnedCerts: [],
    connectionRateLimit: 0,
    handshakeFirst: false,
    handshakeFirstFallback: 0,
  };
}
