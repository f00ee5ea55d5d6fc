import * as z from 'zod';
import { collectorKeys, collectorPath, type Collector } from './collector.ts';

/** Records that wait for the collector, in each process and for each collector. Beyond that they are lost and counted. */
export const MAX_QUEUED_RECORDS = 8192;

const LOGS_PATH = '/v1/logs';

/** Where the audit trail of a server goes. */
export const auditSchema = z
  .strictObject({
    file: z
      .string()
      .startsWith('/')
      .optional()
      .describe('File of each gateway node to append to. Without `file` and `otlp`: stdout.'),
    otlp: z
      .strictObject(collectorKeys({ things: 'records', path: LOGS_PATH, readers: 'Each sidecar reads' }))
      .optional()
      .describe('Send the records to an OpenTelemetry collector, as logs.'),
  })
  .refine(({ file, otlp }) => file === undefined || otlp === undefined, '`file` or `otlp`, not both');
export type Audit = z.infer<typeof auditSchema>;

/** Path of an HTTP endpoint. */
export const logsPath = (collector: Pick<Collector, 'endpoint'>): string => collectorPath(collector, LOGS_PATH);
