/** Certificates for the loopback listeners of the embedded cluster, made anew at each start. */
import "reflect-metadata";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type JsonGeneralName,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";

/** All in PEM. */
export interface ServingCertificate {
  readonly certPem: string;
  readonly keyPem: string;
  /** Whom a client has to trust; undefined when the certificate was given from outside. */
  readonly caPem?: string;
}

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const LIFETIME_MS = 365 * 24 * 3600 * 1000;
/** Clocks of other machines may be behind by this much. */
const SKEW_MS = 3600 * 1000;

/**
 * Makes an authority, whose key is forgotten at once, and a certificate of it for the loopback
 * addresses and `hosts` (names or addresses). Two, because rustls takes no authority for a server.
 */
export async function makeCertificate(
  commonName: string,
  hosts: readonly string[] = [],
): Promise<Required<ServingCertificate>> {
  const [authorityKeys, keys] = await Promise.all([makeKeys(), makeKeys()]);
  const now = Date.now();
  const common = {
    notBefore: new Date(now - SKEW_MS),
    notAfter: new Date(now + LIFETIME_MS),
    signingAlgorithm: ALGORITHM,
  };
  const authority = await X509CertificateGenerator.createSelfSigned({
    ...common,
    serialNumber: makeSerialNumber(),
    name: `CN=${commonName} authority`,
    keys: authorityKeys,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true),
    ],
  });
  const names = [...new Set(["127.0.0.1", "::1", "localhost", ...hosts])];
  const certificate = await X509CertificateGenerator.create({
    ...common,
    serialNumber: makeSerialNumber(),
    subject: `CN=${commonName}`,
    issuer: authority.subject,
    signingKey: authorityKeys.privateKey,
    publicKey: keys.publicKey,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(names.map(generalName)),
    ],
  });
  const key = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  return {
    certPem: certificate.toString("pem") + "\n",
    keyPem: PemConverter.encode(key, "PRIVATE KEY") + "\n",
    caPem: authority.toString("pem") + "\n",
  };
}

function makeKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
}

/** A positive number of 16 bytes. */
function makeSerialNumber(): string {
  return crypto.getRandomValues(new Uint8Array(16)).with(0, 1).toHex();
}

function generalName(value: string): JsonGeneralName {
  const isAddress = value.includes(":") || /^\d+\.\d+\.\d+\.\d+$/.test(value);
  return { type: isAddress ? "ip" : "dns", value };
}
