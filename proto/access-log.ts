import { HEADER, METADATA } from './wire.ts';

/**
 * What Envoy writes of each request and the sidecar reads: one text, the body of an OpenTelemetry log record. The
 * first line holds words that contain neither spaces nor line breaks, with a space between them. Each further line
 * holds one header. The last lines hold what the client chose in its body, so a client can garble nothing but its own
 * words. `-` stands for what is not there. Envoy formats this in a third of the time that it needs for an
 * HTTPAccessLogEntry, and it is a fifth as long. Operators: Envoy's documentation, "Access logging", command
 * operators.
 */

const metadata = (namespace: string, key: string): string => `DYNAMIC_METADATA(${namespace}:${key})`;

/** Words of the first line, in their order. */
export const LOG_WORDS = {
  route: 'ROUTE_NAME',
  httpMethod: 'REQ(:METHOD)',
  status: 'RESPONSE_CODE',
  flags: 'RESPONSE_FLAGS',
  details: 'RESPONSE_CODE_DETAILS',
  /** The slot that answered, of the endpoint as it was then: a look-up by address later could meet the next incarnation. */
  slot: `UPSTREAM_METADATA(${METADATA.namespace}:slot)`,
  upstreamPort: 'UPSTREAM_REMOTE_PORT',
  bytesSent: 'BYTES_SENT',
  /** From the first byte of the request to the last of the answer; absent when there was no last one. */
  answeredUs: 'COMMON_DURATION(DS_RX_BEG:DS_TX_END:us)',
  durationMs: 'DURATION',
  /** The client's address, as far as `gateway.xffTrustedHops` lets Envoy believe it. */
  client: 'DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT',
  permit: metadata(METADATA.namespace, METADATA.permit),
  retryAfter: 'RESP(retry-after):1',
  givenSession: `RESP(${HEADER.sessionId}):1`,
  read: metadata(METADATA.outcome, METADATA.read),
  jsonFailed: metadata(METADATA.outcome, METADATA.jsonFailed),
  // Numbers, whatever the replica said: body-metadata.ts takes nothing else.
  isError: metadata(METADATA.outcome, 'isError'),
  code: metadata(METADATA.outcome, 'code'),
} as const;

/** The lines after the first, in their order. Each is cut at its limit; a session id is as long as a header may be. */
export const LOG_LINES = {
  session: metadata(METADATA.namespace, METADATA.session),
  traceparent: 'REQ(traceparent):64',
  contentType: 'RESP(content-type):64',
  // From the request's body.
  id: `${metadata(METADATA.request, 'id')}:2`,
  method: `${metadata(METADATA.request, 'method')}:64`,
  name: `${metadata(METADATA.request, 'name')}:512`,
} as const;

const operator = (command: string): string => `%${command}%`;

/** The text as Envoy is told to format it. */
export const accessLogFormat: string = [
  Object.values(LOG_WORDS).map(operator).join(' '),
  ...Object.values(LOG_LINES).map(operator),
].join('\n');

/** What stands for a value that is not there. */
export const LOG_ABSENT = '-';
