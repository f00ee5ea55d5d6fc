import { startMesh } from '../../mesh/start-mesh.ts';
import { temporaryFolder } from '../../mesh/temporary-folder.ts';
import type { Scene } from '../scene.ts';
import { FOREIGN_SERVERS, type ForeignServer } from '../servers/foreign-servers.ts';
import { playStep, SERVER, STEPS, type Step } from './play-server.ts';

const matrixScene = (server: ForeignServer): Scene => ({
  section: 'matrix',
  name: server.name,
  packages: server.package === null ? [] : [server.package],
  async play(trial, folders) {
    const data = await temporaryFolder();
    const started = server.started(folders, data.path);
    const settings = { trustAnnotations: true, ...server.settings };
    const replicas = { stable: 2, next: 1 };
    const mesh = await startMesh({
      gateways: 2,
      servers: { [SERVER]: { replicas, weights: { next: 0 }, settings, ...started } },
    });
    try {
      for (const [step, expected] of Object.entries(STEPS) as Array<[Step, string]>) {
        const subject = { id: step, client: server.client, server: server.name, expected };
        await trial(subject, () => playStep({ mesh, server }, step));
      }
    } finally {
      await mesh.close();
      await data.remove();
    }
  },
});

/** Each real server as replicas: started, called, killed, drained, upgraded. */
export const MATRIX_SCENES: readonly Scene[] = FOREIGN_SERVERS.map(matrixScene);
