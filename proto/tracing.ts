import * as z from 'zod';
import { SYSTEM_CA_FILE } from './tls/replica-tls.ts';

/** Spans that wait for the collector, in each process. Beyond that they are dropped and counted. */
export const MAX_QUEUED_SPANS = 2048;

const file = z.string().startsWith('/');

/** What is traced, and where spans go. Envoys and sidecars follow the same section, so the file names are those of each node. */
export const tracingSchema = z.strictObject({
  endpoint: z
    .url({ protocol: /^https?$/ })
    .refine((text) => {
      const { username, password, search, hash } = new URL(text);
      return `${username}${password}${search}${hash}` === '';
    }, 'a URL without a user, a query or a fragment; secrets belong into `headerFiles`')
    .describe(
      'Where the collector takes OTLP, for example http://otel-collector:4317. With http/protobuf a URL without a path means /v1/traces.',
    ),
  protocol: z.enum(['grpc', 'http/protobuf']).default('grpc').describe('How spans are sent.'),
  headerFiles: z
    .record(z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'a header name in lower case'), file)
    .default({})
    .describe(
      'Headers for the collector: name → file with the value, such as authorization. Each Envoy and sidecar reads the file where it runs, and again when it changes.',
    ),
  caFile: file
    .optional()
    .describe(`PEM file of the authorities that vouch for an https endpoint. When absent: ${SYSTEM_CA_FILE}.`),
  from: z
    .array(z.enum(['edges', 'gateways', 'sidecars']))
    .min(1)
    .default(['edges', 'gateways', 'sidecars'])
    .describe(
      'Who sends spans. Envoy spends some µs on each request, kept or not; [sidecars] alone costs next to nothing, and has what the sidecar does for a call.',
    ),
  timeoutMs: z.int().min(100).max(60_000).default(5000).describe('A batch that takes longer than this is dropped.'),
  sampling: z
    .strictObject({
      ratio: z.number().min(0).max(1).default(0.01).describe('Share of traces that are kept, by their trace id.'),
      followClients: z
        .boolean()
        .default(false)
        .describe(
          'A client’s traceparent says whether its trace is kept: for clients of your own. false: `ratio` alone decides, so that no stranger has all his calls traced.',
        ),
      keep: z
        .array(z.enum(['errors', 'recoveries']))
        .default(['errors', 'recoveries'])
        .describe(
          'What the sidecar keeps whatever the ratio says: calls that failed, and calls whose session was rebuilt or that needed a second attempt.',
        ),
    })
    .prefault({}),
});
export type Tracing = z.infer<typeof tracingSchema>;

/** Path of an HTTP endpoint. */
export const tracesPath = ({ endpoint }: Pick<Tracing, 'endpoint'>): string => {
  const { pathname } = new URL(endpoint);
  return pathname === '/' ? '/v1/traces' : pathname;
};
