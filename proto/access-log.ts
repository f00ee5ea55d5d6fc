import { HEADER, METADATA } from './wire.ts';

/**
 * What Envoy writes of each request and the sidecar reads: the body of an OpenTelemetry log record, a list of texts. The first holds, parted by
 * spaces, what cannot contain one; the others are what clients and replicas choose. `-` stands for what is not there. Envoy formats such a text in
 * a third of the time that it needs for an HTTPAccessLogEntry, which always carries every property of the request, and it is a fifth as long.
 * Operators: Envoy's documentation, "Access logging", command operators.
 */

const metadata = (namespace: string, key: string): string => `DYNAMIC_METADATA(${namespace}:${key})`;

/** Words of the first text, in their order. */
export const LOG_WORDS = {
  route: 'ROUTE_NAME',
  httpMethod: 'REQ(:METHOD)',
  status: 'RESPONSE_CODE',
  flags: 'RESPONSE_FLAGS',
  details: 'RESPONSE_CODE_DETAILS',
  /** The slot that answered, of the endpoint as it was then: a look-up by address later could meet the next life. */
  slot: `UPSTREAM_METADATA(${METADATA.namespace}:slot)`,
  upstreamPort: 'UPSTREAM_REMOTE_PORT',
  bytesSent: 'BYTES_SENT',
  /** From the first byte of the request to the last of the answer; absent when there was no last one. */
  answeredUs: 'COMMON_DURATION(DS_RX_BEG:DS_TX_END:us)',
  durationMs: 'DURATION',
  permit: metadata(METADATA.namespace, METADATA.permit),
  retryAfter: 'RESP(retry-after):1',
  givenSession: `RESP(${HEADER.sessionId}):1`,
  read: metadata(METADATA.outcome, METADATA.read),
  jsonFailed: metadata(METADATA.outcome, METADATA.jsonFailed),
  // A replica's own words, last: one that puts a space into its error code garbles nothing but its own code.
  isError: `${metadata(METADATA.outcome, 'isError')}:5`,
  code: `${metadata(METADATA.outcome, 'code')}:24`,
} as const;

/** The texts after the first, in their order. Each is cut at its limit; a session id is as long as a header may be. */
export const LOG_TEXTS = {
  session: metadata(METADATA.namespace, METADATA.session),
  method: `${metadata(METADATA.request, 'method')}:64`,
  name: `${metadata(METADATA.request, 'name')}:512`,
  id: `${metadata(METADATA.request, 'id')}:2`,
  methodHeader: `REQ(${HEADER.method}):64`,
  nameHeader: `REQ(${HEADER.name}):512`,
  traceparent: 'REQ(traceparent):64',
  contentType: 'RESP(content-type):64',
} as const;

const operator = (command: string): string => `%${command}%`;

/** The texts as Envoy is told to format them. */
export const accessLogFormats: readonly string[] = [Object.values(LOG_WORDS).map(operator).join(' '), ...Object.values(LOG_TEXTS).map(operator)];

/** What stands for a value that is not there. */
export const LOG_ABSENT = '-';
