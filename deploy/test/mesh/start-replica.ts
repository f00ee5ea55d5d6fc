import { join } from 'node:path';
import { ManagedProcess, plainEnvironment } from './managed-process.ts';
import type { MeshServerOptions } from './mesh-options.ts';
import type { PlannedReplica } from './mesh-config.ts';
import { nodeProgram } from './node-program.ts';
import { isListening } from './wait-for.ts';

/** One process of an MCP server. */
export interface Replica extends PlannedReplica {
  /** Its MCP endpoint, without the mesh. */
  url: string;
  process: ManagedProcess;
}

const commandOf = ({ env, ...started }: { command: string; args: string[]; env?: NodeJS.ProcessEnv }) => ({
  ...started,
  env: plainEnvironment(env),
});

/** A replica's handle; not started. */
export function prepareReplica(planned: PlannedReplica, options: MeshServerOptions, folder: string): Replica {
  const port = Number(planned.address.split(':')[1]);
  const program = options.program ?? `deploy/test/servers/${planned.server}/main.ts`;
  const process = new ManagedProcess({
    name: planned.name,
    logFile: join(folder, `${planned.name}.log`),
    isReady: () => isListening(port),
    ...(options.command === undefined
      ? nodeProgram(program, [
          '--port',
          String(port),
          '--host',
          '127.0.0.1',
          '--name',
          planned.name,
          ...(options.args ?? []),
          ...(options.backendArgs?.[planned.backend] ?? []),
        ])
      : commandOf(options.command({ port, name: planned.name }))),
  });
  return { ...planned, url: `http://${planned.address}/mcp`, process };
}
