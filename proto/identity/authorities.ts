import { readFileSync } from 'node:fs';
import type { X509Certificate } from 'node:crypto';
import { readCertificates } from './trusted-certificate.ts';

const REFRESH_MS = 10_000;

/** The authorities of a file, read again when it is older than 10 s; one that can't be read leaves the former in force. Throws at first. */
export function watchAuthorities(file: string, now: () => number): () => readonly X509Certificate[] {
  let readAtMs = now(),
    authorities = readCertificates(readFileSync(file, 'utf8'));
  return () => {
    if (now() - readAtMs < REFRESH_MS) return authorities;
    readAtMs = now();
    try {
      authorities = readCertificates(readFileSync(file, 'utf8'));
    } catch {
      // In the middle of being renewed.
    }
    return authorities;
  };
}
