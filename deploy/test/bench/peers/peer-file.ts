import { readFileSync } from 'node:fs';
import { parse, YAMLParseError } from 'yaml';
import { z } from 'zod';

/**
 * A proxy that somebody else wrote, as a YAML or JSON file says how to start it. In `command`, `files` and `env` these are replaced:
 *
 * * `{port}`: where it shall listen on 127.0.0.1;
 * * `{folder}`: its own folder, where `files` are written;
 * * `{bin}`: programs of `python`;
 * * `{threads}`: cores of the machine;
 * * `{envelope}`: URL of an Envoy that keeps sessions on their replicas, for proxies that take one URL;
 * * `{replicas}`: `ip:port`, joined by commas.
 *
 * A line of `files` with `{replica}` is repeated for each replica; `{number}` counts them.
 */
const peerSchema = z.strictObject({
  configuration: z.string().min(1).describe('how it was set up, in a sentence'),
  command: z.array(z.string().min(1)).min(1).describe('program and arguments, without a shell'),
  version: z
    .array(z.string())
    .min(1)
    .describe('a command that prints the version; its first number with a point is taken'),
  files: z.record(z.string().regex(/^[\w.-]+$/, 'expected a plain file name'), z.string()).default({}),
  env: z.record(z.string(), z.string()).default({}),
  path: z.string().startsWith('/').default('/mcp').describe('where clients reach it'),
  python: z
    .string()
    .regex(/^[\w.-]+==[\w.]+$/, 'expected NAME==VERSION')
    .optional()
    .describe('package of the Python index'),
  install: z.string().default('put its program on PATH').describe('what to do when the program is missing'),
});
export type PeerFile = z.output<typeof peerSchema>;

/** Reads a description; throws an error that says which key of which file is wrong, and what it expects. */
export function readPeerFile(path: string): PeerFile {
  let value: unknown;
  try {
    value = parse(readFileSync(path, 'utf8'));
  } catch (error) {
    const why = error instanceof YAMLParseError ? (error.message.split('\n')[0] ?? '') : (error as Error).message;
    throw new Error(`${path} can't be read as a description of a peer: ${why}`, { cause: error });
  }
  const read = peerSchema.safeParse(value);
  if (read.success) return read.data;
  const problems = read.error.issues.map(({ path: at, message }) => `${at.join('.') || 'the file'}: ${message}`);
  throw new Error(
    `${path} is no description of a peer: ${problems.join('; ')}. deploy/test/bench/peers/haproxy.yaml is an example`,
  );
}

/** What a description is filled with. */
export interface Filling {
  port: number;
  folder: string;
  bin: string;
  threads: number;
  envelope: string;
  /** `ip:port` of each. */
  replicas: readonly string[];
}

/** One text of a description with all of its placeholders replaced. */
export function filled(text: string, filling: Filling): string {
  const { replicas, ...single } = filling;
  const lines = text
    .split('\n')
    .flatMap((line) =>
      line.includes('{replica}')
        ? replicas.map((replica, at) => line.replaceAll('{replica}', replica).replaceAll('{number}', String(at + 1)))
        : [line],
    );
  return Object.entries({ ...single, replicas: replicas.join(',') }).reduce(
    (done, [name, value]) => done.replaceAll(`{${name}}`, String(value)),
    lines.join('\n'),
  );
}
