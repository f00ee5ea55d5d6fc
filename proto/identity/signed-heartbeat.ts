import { createPrivateKey, sign, verify, type KeyObject, type X509Certificate } from 'node:crypto';
import { heartbeatSchema, type Heartbeat } from '../heartbeat.ts';
import { parseJsonObject } from '../parse-json.ts';
import { readCertificateNames, type CertificateNames } from './certificate-names.ts';
import { trustedCertificate } from './trusted-certificate.ts';

/** What shows that a heartbeat is its node's own: over the text of the heartbeat without this part. */
interface Proof {
  /** PEM; what lies between the certificate and the authority may follow. */
  certificate: string;
  /** Base64. */
  signature: string;
}
export interface HeartbeatSigner {
  certificate: string;
  key: KeyObject;
}

/** A longer one is nobody's: Redis is read once a second. */
const MAX_BYTES = 64 << 10;
/** Ed25519 and Ed448 have a digest of their own. */
const digestFor = (key: KeyObject): string | null => (key.asymmetricKeyType?.startsWith('ed') ? null : 'sha256');

/** @throws when one of the two is not PEM. */
export const heartbeatSigner = (certificatePem: string, keyPem: string): HeartbeatSigner => ({
  certificate: certificatePem,
  key: createPrivateKey(keyPem),
});

/** The text that goes into Redis; without a signer as it is. */
export function writeHeartbeat(beat: Heartbeat, signer: HeartbeatSigner | null): string {
  const text = JSON.stringify(beat);
  if (signer === null) return text;
  const proof: Proof = {
    certificate: signer.certificate,
    signature: sign(digestFor(signer.key), Buffer.from(text), signer.key).toString('base64'),
  };
  return JSON.stringify({ ...beat, proof });
}

export interface ReadHeartbeat {
  beat: Heartbeat;
  /** What the certificate that signed it says; null when nothing trusted did. */
  names: CertificateNames | null;
}

/** Null for what is no heartbeat at all: another version's, or garbage. `authorities` are those whose certificates are believed. */
export function readHeartbeat(
  text: string,
  authorities: readonly X509Certificate[],
  nowMs: number,
): ReadHeartbeat | null {
  if (text.length > MAX_BYTES) return null;
  const parsed = parseJsonObject(text);
  if (!parsed) return null;
  const { proof, ...rest } = parsed;
  const read = heartbeatSchema.safeParse(rest);
  if (!read.success) return null;
  return { beat: read.data, names: signerOf(JSON.stringify(rest), proof, authorities, nowMs) };
}

function signerOf(
  text: string,
  proof: unknown,
  authorities: readonly X509Certificate[],
  nowMs: number,
): CertificateNames | null {
  if (authorities.length === 0 || typeof proof !== 'object' || proof === null) return null;
  const { certificate, signature } = proof as Partial<Record<keyof Proof, unknown>>;
  if (typeof certificate !== 'string' || typeof signature !== 'string') return null;
  const leaf = trustedCertificate(certificate, authorities, nowMs);
  return leaf && isSignedBy(leaf.publicKey, text, signature) ? readCertificateNames(leaf.subjectAltName) : null;
}

function isSignedBy(key: KeyObject, text: string, signature: string): boolean {
  try {
    return verify(digestFor(key), Buffer.from(text), key, Buffer.from(signature, 'base64'));
  } catch {
    // A kind of key that can't sign.
    return false;
  }
}
