/**
 * Which values of Origin and Host a server takes, as regular expressions for its route table: whole value, any case.
 * RFC 6454 compares origins by scheme, host and port; the port that belongs to the scheme may be left out.
 */
const DEFAULT_PORT: Readonly<Record<string, string>> = { http: '80', https: '443', ws: '80', wss: '443' };

/** Lets every Origin in. */
export const ANY_ORIGIN = '*';

export const LOOPBACK_ORIGIN = 'https?://(localhost|127(\\.[0-9]+){3}|\\[::1\\])\\.?(:[0-9]+)?';
export const LOOPBACK_HOST = '(localhost|127(\\.[0-9]+){3}|\\[::1\\])\\.?(:[0-9]+)?';

/** `https://app.example.com`, `https://*.example.com:8443`, `vscode-webview://x`, `null`. */
const ORIGIN =
  /^(?<scheme>[a-z][a-z0-9+.-]*):\/\/(?<host>\[[0-9a-f:.]+\]|(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*)\.?(:(?<port>\d{1,5}))?$/i;
const HOST = /^(?<host>\[[0-9a-f:.]+\]|(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*)\.?(:(?<port>\d{1,5}))?$/i;

export const isOriginPattern = (text: string): boolean => text === ANY_ORIGIN || text === 'null' || ORIGIN.test(text);
export const isHostPattern = (text: string): boolean => HOST.test(text);

/** Regular expression for one entry of `allowedOrigins`. */
export function originRegex(allowed: string): string {
  const { scheme = '', host = '', port } = ORIGIN.exec(allowed)?.groups ?? {};
  if (scheme === '') return escapeRegex(allowed);
  const usual = DEFAULT_PORT[scheme.toLowerCase()];
  const ports = port === undefined || port === usual ? (usual === undefined ? '' : `(:${usual})?`) : `:${port}`;
  return `${escapeRegex(scheme)}://${hostRegex(host)}${ports}`;
}

/** Regular expression for one entry of `allowedHosts`. Without a port it means the host at any port. */
export function allowedHostRegex(allowed: string): string {
  const { host = allowed, port } = HOST.exec(allowed)?.groups ?? {};
  return `${hostRegex(host)}${port === undefined ? '(:[0-9]+)?' : `:${port}`}`;
}

function hostRegex(host: string): string {
  if (host.startsWith('[')) {
    const forms = new Set([host.toLowerCase(), new URL(`http://${host}`).hostname]);
    return forms.size === 1 ? escapeRegex(host) : `(${[...forms].map(escapeRegex).join('|')})`;
  }
  return host.startsWith('*.') ? `[a-z0-9.-]+${escapeRegex(host.slice(1))}\\.?` : `${escapeRegex(host)}\\.?`;
}

const escapeRegex = (text: string): string => text.toLowerCase().replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
