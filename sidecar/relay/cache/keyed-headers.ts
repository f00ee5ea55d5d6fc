import type { IncomingHttpHeaders } from 'node:http';

/** Headers that differ with each request or client. They are not part of the key, so an answer that varies on one of them is not kept. */
const UNKEYED = new Set([
  'user-agent',
  'x-request-id',
  'traceparent',
  'tracestate',
  'b3',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-parentspanid',
  'x-b3-sampled',
  'x-forwarded-for',
  'x-envoy-external-address',
]);
/** Of a request with a verified token the claims are in the key, and the token is not. */
const TOKEN = 'authorization';

/**
 * Everything among the headers for a replica (flat list, names in lower case) that its answer may depend on, in one order. A header that it reads
 * without saying so in `Vary` can't poison the cache that way.
 */
export function keyedHeaders(sent: readonly string[]): Array<[name: string, value: string]> {
  const found: Array<[string, string]> = [];
  for (let i = 0; i + 1 < sent.length; i += 2) {
    const name = sent[i] ?? '';
    if (name !== TOKEN && !UNKEYED.has(name)) found.push([name, sent[i + 1] ?? '']);
  }
  // The sort is stable: values of one name keep their order.
  return found.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

/**
 * Whether the head of an answer lets it be given to others with the same key. It must be a 200 for more than one client that varies on
 * nothing outside the key. `isVerified`: it answers a request with a token that Envoy verified. Other requests in the cache have no
 * Authorization at all.
 */
export function isShareable(status: number, headers: IncomingHttpHeaders, isVerified: boolean): boolean {
  if (status !== 200 || headers['set-cookie'] !== undefined) return false;
  const directives = tokens(headers['cache-control']).map((directive) => directive.split('=')[0]?.trim());
  if (directives.includes('no-store') || directives.includes('private')) return false;
  return !tokens(headers.vary).some((name) => name === '*' || UNKEYED.has(name) || (isVerified && name === TOKEN));
}

/** The members of a header's list, in lower case. A header that came several times may be an array. */
const tokens = (value: string | readonly string[] | undefined): string[] =>
  [value ?? []]
    .flat()
    .flatMap((each) => each.split(','))
    .map((each) => each.trim().toLowerCase());
