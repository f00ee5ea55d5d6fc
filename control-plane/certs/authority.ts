import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

/** Certificate and private key, PEM. */
export interface KeyPair {
  certificate: string;
  key: string;
}

export interface LeafOptions {
  /** Common name and first DNS name. */
  name: string;
  /** Further DNS names and IP addresses. */
  altNames: readonly string[];
  /** What its owner is in the mesh (proto/identity/mesh-name.ts); a certificate without one is for TLS alone. */
  uri?: string | undefined;
  days: number;
  now: Date;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;
/** Clocks of machines differ: a certificate is valid a little before it was made. */
const CLOCK_SKEW_MS = 5 * 60_000;
const IP = /^(\d{1,3}(\.\d{1,3}){3}|[0-9a-f:]*:[0-9a-f:]*)$/i;

const serialNumber = (): string => `00${randomBytes(15).toString('hex')}`;
const keyPem = async (key: webcrypto.CryptoKey): Promise<string> =>
  x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
const readKey = (pem: string): Promise<webcrypto.CryptoKey> =>
  webcrypto.subtle.importKey('pkcs8', x509.PemConverter.decodeFirst(pem), ALGORITHM, false, ['sign']);

/** A private authority: signs the certificates of one mesh and nothing else. ECDSA P-256. */
export async function createAuthority(options: { name: string; days: number; now: Date }): Promise<KeyPair> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: [{ CN: [options.name] }],
    keys,
    signingAlgorithm: ALGORITHM,
    notBefore: new Date(options.now.getTime() - CLOCK_SKEW_MS),
    notAfter: new Date(options.now.getTime() + options.days * DAY_MS),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: certificate.toString('pem'), key: await keyPem(keys.privateKey) };
}

/** A certificate for one process, good for both ends of mTLS. */
export async function issueLeaf(authority: KeyPair, options: LeafOptions): Promise<KeyPair> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await certify(authority, keys.publicKey, {
    ...options,
    hosts: [...new Set([options.name, ...options.altNames])],
  });
  return { certificate, key: await keyPem(keys.privateKey) };
}

/** A certificate for the holder of `publicKey` (PEM, P-256): it is known by its `uri` alone, and by no host's name. Rejects for another kind of key. */
export async function issueForKey(
  authority: KeyPair,
  publicKey: string,
  options: Required<Pick<LeafOptions, 'name' | 'uri' | 'days' | 'now'>>,
): Promise<string> {
  const key = x509.PemConverter.decodeFirst(publicKey);
  return certify(authority, await webcrypto.subtle.importKey('spki', key, ALGORITHM, true, ['verify']), {
    ...options,
    hosts: [],
  });
}

interface Certified extends Omit<LeafOptions, 'altNames'> {
  hosts: readonly string[];
}

async function certify(authority: KeyPair, publicKey: webcrypto.CryptoKey, options: Certified): Promise<string> {
  const issuer = new x509.X509Certificate(authority.certificate);
  const names = options.hosts.map((value) => ({
    type: IP.test(value) ? ('ip' as const) : ('dns' as const),
    value,
  }));
  const wanted = options.now.getTime() + options.days * DAY_MS;
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: [{ CN: [options.name] }],
    issuer: issuer.subject,
    publicKey,
    signingKey: await readKey(authority.key),
    signingAlgorithm: ALGORITHM,
    notBefore: new Date(options.now.getTime() - CLOCK_SKEW_MS),
    notAfter: new Date(Math.min(wanted, issuer.notAfter.getTime())),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      new x509.SubjectAlternativeNameExtension([
        ...names,
        ...(options.uri === undefined ? [] : [{ type: 'url' as const, value: options.uri }]),
      ]),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  });
  return certificate.toString('pem');
}
