import * as z from 'zod';
import { collectorKeys, collectorPath, type Collector } from './collector.ts';

/** Spans that wait for the collector, in each process. Beyond that they are dropped and counted. */
export const MAX_QUEUED_SPANS = 2048;

const TRACES_PATH = '/v1/traces';

/** What is traced, and where spans go. Envoys and sidecars follow the same section, so the file names are those of each node. */
export const tracingSchema = z.strictObject({
  ...collectorKeys({ things: 'spans', path: TRACES_PATH, readers: 'Each Envoy and sidecar reads' }),
  from: z
    .array(z.enum(['edges', 'gateways', 'sidecars']))
    .min(1)
    .default(['edges', 'gateways', 'sidecars'])
    .describe(
      'Who sends spans. Envoy spends some µs on each request, kept or not; [sidecars] alone costs next to nothing, and has what the sidecar does for a call.',
    ),
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
export const tracesPath = (collector: Pick<Collector, 'endpoint'>): string => collectorPath(collector, TRACES_PATH);
