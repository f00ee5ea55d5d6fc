import { freePort } from '../../mesh/free-port.ts';
import { startMesh, type Mesh } from '../../mesh/start-mesh.ts';
import { temporaryFolder } from '../../mesh/temporary-folder.ts';
import type { Scene } from '../scene.ts';
import { startAuthorizationServer } from './authorization-server.ts';
import { LOG_IN_CLIENTS, logIn, type LogInKind } from './log-in-client.ts';
import { LOG_IN_SERVERS, type LogInPlace, type LogInServer, type Way } from './log-in-servers.ts';

/** At hosts of their own the clients do the same as below a prefix: one of each language is enough. */
const CLIENTS: Record<Way, readonly LogInKind[]> = { prefix: LOG_IN_CLIENTS, host: ['v1', 'python-2'] };

interface Stage {
  mesh: Mesh;
  url: string;
  stepsUp: boolean;
}

const replicaIn = (text: string, mesh: Mesh) => {
  const replica = mesh.replicas.find(({ name }) => text.includes(name));
  if (replica === undefined) throw new Error(`no replica is named in ${text}`);
  return replica;
};

/** Everything that a user does in one session; what was seen, in order. */
async function play(kind: LogInKind, { mesh, url, stepsUp }: Stage): Promise<string> {
  const seen: string[] = [];
  const client = await logIn(kind, url);
  try {
    await client.call('whoami');
    const visits = await client.visits();
    seen.push(visits === 1 ? 'logged in' : `asked to log in ${visits} times`);
    await client.expire();
    const home = replicaIn(await client.call('whoami'), mesh);
    seen.push((await client.visits()) === visits ? 'refreshed' : 'logged in again');
    if (stepsUp) {
      client.beforeStepUp();
      await client.call('write');
      seen.push((await client.visits()) > visits ? 'stepped up' : 'was not asked for the further scope');
    }
    await home.process.kill();
    const other = replicaIn(await client.call('whoami'), mesh);
    seen.push(other === home ? 'still on the replica that was killed' : 'went on elsewhere');
    await home.process.start();
    await mesh.settled();
  } catch (error) {
    seen.push(error instanceof Error ? error.message : String(error));
    await Promise.all(mesh.replicas.filter(({ process }) => !process.isRunning).map(({ process }) => process.start()));
    await mesh.settled();
  } finally {
    await client.close();
  }
  return seen.join(', ');
}

async function playBoth(server: LogInServer, trial: Parameters<Scene['play']>[0], folders: LogInPlace['folders']) {
  const port = await freePort(),
    shared = await temporaryFolder(),
    gateway = `http://127.0.0.1:${port}`;
  const names: Record<Way, string> = { prefix: 'below', host: 'apart' };
  const host = `http://localhost:${port}`;
  const back = [`${gateway}/mcp/${names.prefix}/auth/callback`, `${host}/auth/callback`];
  const authorization = await startAuthorizationServer(folders.authorization, back);
  const of = (way: Way) =>
    server.of(way, { folders, authorization, gateway, host, name: names[way], shared: shared.path });
  const mesh = await startMesh({
    gateways: 1,
    port,
    servers: {
      [names.prefix]: { replicas: 2, ...of('prefix').options },
      [names.host]: { replicas: 2, ...of('host').options },
    },
    config: (config) => {
      config['publicUrl'] = gateway;
    },
  });
  try {
    for (const way of ['prefix', 'host'] as const)
      for (const client of CLIENTS[way]) {
        const expected = `logged in, refreshed,${server.stepsUp ? ' stepped up,' : ''} went on elsewhere`;
        const stage: Stage = { mesh, url: of(way).url, stepsUp: server.stepsUp ?? false };
        await trial({ id: `${server.report}, ${way}`, client, server: server.name, expected }, () =>
          play(client, stage),
        );
      }
  } finally {
    await mesh.close();
    authorization.close();
    await shared.remove();
  }
}

/** Users of official clients log in to servers of others, which ask a local authorization server or are one themselves. */
export const LOG_IN_SCENES: readonly Scene[] = LOG_IN_SERVERS.map((server) => ({
  section: 'log-in',
  name: server.name,
  packages: ['authorization', ...(server.package === null ? [] : [server.package])],
  play: (trial, folders) => playBoth(server, trial, folders),
}));
