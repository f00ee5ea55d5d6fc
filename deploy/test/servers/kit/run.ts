import type { ServerDefinition } from './definition.ts';
import { startHost } from './host.ts';
import type { Host } from './host.ts';
import { Information, readOptions } from './options.ts';
import type { ServerOptions } from './options.ts';

const GRACE_MS = 1500;

/** The main of an example server on SDK v1. */
export function run<S>(definition: ServerDefinition<S>, argv?: readonly string[]): Promise<void> {
  return runWith(definition.name, (options) => startHost(definition, options), argv);
}

/** Flags, listen, one line `{"msg":"ready","port":…}`, SIGTERM. */
export async function runWith(
  name: string,
  start: (options: ServerOptions) => Promise<Host>,
  argv: readonly string[] = process.argv.slice(2),
): Promise<void> {
  let options;
  try {
    options = readOptions(argv, `${name}-${process.pid}`);
  } catch (error) {
    if (error instanceof Information) {
      process.stdout.write(error.message);
      return;
    }
    process.stderr.write(`${name}: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 64;
    return;
  }
  const host = await start(options);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      void host.close(GRACE_MS).then(() => process.exit(0));
    });
  }
  process.stdout.write(
    `${JSON.stringify({ msg: 'ready', server: name, name: options.name, port: host.port, path: options.path, pid: process.pid })}\n`,
  );
}
