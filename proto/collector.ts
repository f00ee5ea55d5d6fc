import * as z from 'zod';
import { SYSTEM_CA_FILE } from './tls/replica-tls.ts';

const file = z.string().startsWith('/');

/** The keys that say where OTLP goes. `things`: what is sent; `readers`: who reads the files. */
export const collectorKeys = ({ things, path, readers }: { things: string; path: string; readers: string }) => ({
  endpoint: z
    .url({ protocol: /^https?$/ })
    .refine((text) => {
      const { username, password, search, hash } = new URL(text);
      return `${username}${password}${search}${hash}` === '';
    }, 'a URL without a user, a query or a fragment; secrets belong into `headerFiles`')
    .describe(
      `Where the collector takes OTLP, for example http://otel-collector:4317. With http/protobuf a URL without a path means ${path}.`,
    ),
  protocol: z.enum(['grpc', 'http/protobuf']).default('grpc').describe(`How ${things} are sent.`),
  headerFiles: z
    .record(z.string().regex(/^[a-z0-9][a-z0-9-]*$/, 'a header name in lower case'), file)
    .default({})
    .describe(
      `Headers for the collector: name → file with the value, such as authorization. ${readers} the file where it runs, and again when it changes.`,
    ),
  caFile: file
    .optional()
    .describe(`PEM file of the authorities that vouch for an https endpoint. When absent: ${SYSTEM_CA_FILE}.`),
  timeoutMs: z.int().min(100).max(60_000).default(5000).describe('A batch that takes longer than this is dropped.'),
});

const _section = z.strictObject(collectorKeys({ things: '', path: '', readers: '' }));
/** A collector of OTLP, and how it is reached. */
export type Collector = z.infer<typeof _section>;

/** Path of an HTTP endpoint; `usual` where the URL has none. */
export const collectorPath = ({ endpoint }: Pick<Collector, 'endpoint'>, usual: string): string => {
  const { pathname } = new URL(endpoint);
  return pathname === '/' ? usual : pathname;
};
