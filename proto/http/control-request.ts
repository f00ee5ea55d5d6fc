import type { IncomingHttpHeaders } from 'node:http';
import { isIP } from 'node:net';

/** What a control port looks at before anything else of a request. */
export interface ControlRequest {
  method: string;
  /** Request target as it came. */
  target: string;
  headers: IncomingHttpHeaders;
  /** How many Host headers came; `headers` has the first alone. */
  hosts?: number;
}

/** `url` is the target when it is one that can be served. */
export type ControlVerdict = { url: URL } | { status: 400 | 403; message: string };

export interface ControlPort {
  /** Further hosts by which the port is reached. */
  names?: readonly string[] | undefined;
  /** The port serves a page of its own (the console), whose requests may come. */
  hasPage?: boolean | undefined;
}

/**
 * Whether a request may reach a control port at all: no web page's may, but for the port's own. Browsers mark theirs with Origin or
 * Sec-Fetch-Site, and one that got here by DNS rebinding names a public host. Pure; the same rule for every route of every control port.
 */
export function checkControlRequest(
  { target, headers, hosts = 1 }: ControlRequest,
  { names = [], hasPage = false }: ControlPort = {},
): ControlVerdict {
  // Whoever forwarded the request may have looked at another one than we do (RFC 9112, 3.2).
  if (hosts > 1) return { status: 400, message: 'the request has several Host headers' };
  if (headers.origin !== undefined && !(hasPage && isOwnOrigin(headers.origin, headers.host)))
    return { status: 403, message: 'requests of web pages (Origin) are refused at a control port' };
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'none' && site !== 'same-origin')
    return { status: 403, message: 'requests of other sites (Sec-Fetch-Site) are refused at a control port' };
  const host = hostNameOf(headers.host);
  if (host === null || !(isPrivateName(host) || names.includes(host)))
    return {
      status: 403,
      message: `Host ${host ?? '(none or malformed)'} is refused at a control port: use an IP address, localhost, or a name without a public domain`,
    };
  const url = urlOf(target);
  return url ? { url } : { status: 400, message: 'the request target is not a path' };
}

/** Whether Origin is where the request itself goes: of all pages that is true only for one that this port served. */
const isOwnOrigin = (origin: string, host = ''): boolean =>
  host !== '' && /^https?:\/\/(.+)$/i.exec(origin)?.[1]?.toLowerCase() === host.toLowerCase();

/** Host header without its port and a trailing dot, in lower case; null when it is none. */
function hostNameOf(host: string | undefined): string | null {
  const match = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::\d{1,5})?$/i.exec(host ?? '');
  return match?.[1] === undefined ? null : match[1].toLowerCase().replace(/\.$/, '');
}

/** Names that nobody can register for a page of his own: addresses, single labels, and the suffixes that are kept out of public DNS. */
function isPrivateName(host: string): boolean {
  if (isIP(host.replace(/^\[|\]$/g, '')) !== 0) return true;
  return !host.includes('.') || /\.(svc|svc\.cluster\.local|internal|localhost)$/.test(host);
}

/** A target in origin form; the absolute form, `*`, and `//host` are none. */
function urlOf(target: string): URL | null {
  if (!target.startsWith('/') || target.startsWith('//') || target.includes('\\')) return null;
  try {
    return new URL(target, 'http://control');
  } catch {
    return null;
  }
}
