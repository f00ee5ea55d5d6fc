import { X509Certificate } from 'node:crypto';

const PEM = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;
/** Longer chains are nobody's. */
const MAX_CHAIN = 5;

export const readCertificates = (pem: string): X509Certificate[] =>
  [...pem.matchAll(PEM)].slice(0, 100).map(([text]) => new X509Certificate(text));

/** Whether a text has at least one certificate, and all of them can be read. */
export function holdsCertificates(pem: string): boolean {
  try {
    return readCertificates(pem).length > 0;
  } catch {
    return false;
  }
}

const isValidAt = (certificate: X509Certificate, nowMs: number): boolean =>
  Date.parse(certificate.validFrom) <= nowMs && nowMs <= Date.parse(certificate.validTo);
const isIssuedBy = (certificate: X509Certificate, issuer: X509Certificate): boolean =>
  issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);

/**
 * The first certificate of `chain`, when one of `authorities` has signed it and everything is valid now. Null
 * otherwise, and for what is no certificate. The chain is PEM; certificates between it and an authority may follow.
 */
export function trustedCertificate(
  chain: string,
  authorities: readonly X509Certificate[],
  nowMs: number,
): X509Certificate | null {
  try {
    const [leaf, ...between] = readCertificates(chain).slice(0, MAX_CHAIN);
    if (!leaf || leaf.ca || !isValidAt(leaf, nowMs)) return null;
    let current = leaf;
    for (;;) {
      const authority = authorities.find((each) => isIssuedBy(current, each));
      if (authority) return isValidAt(authority, nowMs) ? leaf : null;
      const next = between.shift();
      if (!next || !isIssuedBy(current, next) || !isValidAt(next, nowMs)) return null;
      current = next;
    }
  } catch {
    return null;
  }
}
