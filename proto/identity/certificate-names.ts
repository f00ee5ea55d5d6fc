import { plainHost } from './host.ts';
import { readMeshName, type MeshName } from './mesh-name.ts';

/** What a certificate says of its owner. */
export interface CertificateNames {
  /** Null without a URI, with several, or with one that is no name of a mesh. */
  mesh: MeshName | null;
  /** IP addresses and DNS names, in their one spelling. */
  hosts: string[];
}

export const NO_NAMES: CertificateNames = { mesh: null, hosts: [] };

/**
 * Reads Node's text of the alternative names: `DNS:a, IP Address:10.0.0.1, URI:spiffe://…`. Node quotes as JSON what holds a comma or a quote, so that
 * one name can't pass for two.
 */
export function readCertificateNames(subjectAltName: string | undefined): CertificateNames {
  const uris: string[] = [],
    hosts: string[] = [];
  const entry = /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^",]*)(?:, |$)/y;
  const text = subjectAltName ?? '';
  while (entry.lastIndex < text.length) {
    const match = entry.exec(text);
    // Unreadable from here on: nothing of it is believed.
    if (!match) return NO_NAMES;
    const [, kind, value = ''] = match;
    // What is quoted holds characters that no name of ours has: an URI that is counted, and nobody's name.
    if (kind === 'URI') uris.push(value);
    else if (kind === 'DNS' || kind === 'IP Address') hosts.push(plainHost(value));
  }
  return { mesh: uris.length === 1 ? readMeshName(uris[0] ?? '') : null, hosts };
}
