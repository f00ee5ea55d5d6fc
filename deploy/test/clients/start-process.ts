import { freePort } from '../mesh/free-port.ts';
import type { ManagedProcess } from '../mesh/managed-process.ts';
import { prepareReplica } from '../mesh/start-replica.ts';
import { temporaryFolder } from '../mesh/temporary-folder.ts';

/** An example server without a mesh. */
export interface StartedServer {
  port: number;
  url: string;
  process: ManagedProcess /** Ends it, and removes its folder. */;
  kill(): Promise<void>;
}

/** Starts an example server (`linear`, `queryquill`, `fixture`) on a free port as a process of its own. */
export async function startProcess(server: string, args: readonly string[] = []): Promise<StartedServer> {
  const [port, folder] = await Promise.all([freePort(), temporaryFolder()]);
  const { process, url } = prepareReplica(
    { server, backend: 'stable', name: `${server}-direct`, address: `127.0.0.1:${port}` },
    { replicas: 1, args },
    folder.path,
  );
  const kill = async (): Promise<void> => {
    await process.kill();
    await folder.remove();
  };
  try {
    await process.start();
  } catch (error) {
    await kill();
    throw error;
  }
  return { port, url, process, kill };
}
