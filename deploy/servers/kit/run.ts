import type { ServerDefinition } from './definition.ts';
import { startHost } from './host.ts';
import { readOptions } from './options.ts';

const GRACE_MS = 1500;

/** The main of an example server: flags, listen, one line `{"msg":"ready","port":…}`, SIGTERM. */
export async function run<S>(definition: ServerDefinition<S>): Promise<void> {
  let options;
  try {
    options = readOptions(process.argv.slice(2), `${definition.name}-${process.pid}`);
  } catch (error) {
    process.stderr.write(`${definition.name}: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 64;
    return;
  }
  const host = await startHost(definition, options);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => { void host.close(GRACE_MS).then(() => process.exit(0)); });
  }
  process.stdout.write(`${JSON.stringify({ msg: 'ready', server: definition.name, name: options.name, port: host.port, path: options.path, pid: process.pid })}\n`);
}
