import { plainEnvoy } from '../../bench/load/plain-envoy.ts';
import { freePort } from '../../mesh/free-port.ts';
import { startEnvoy } from '../../mesh/start-envoy.ts';
import { HonestLoad, WARM_SECONDS } from './honest-load.ts';
import { pidsOf, shown, startAttackedMesh, underAttack, type Attack, type UnderAttack } from './under-attack.ts';

const ENVOYS = 2;

/**
 * The same honest clients and attackers through as many Envoys as a mesh has gateways. They have nothing but Envoy's
 * own session affinity. This shows what this machine makes of the attack. They bound nothing, so that some of their
 * calls may fail.
 */
export async function loadThroughBareEnvoy(options: Attack & { honestSessions: number }): Promise<UnderAttack> {
  const { say = () => {}, seconds, everyMs } = options;
  await using mesh = await startAttackedMesh();
  const replicaPorts = mesh.replicasOf('attacked').map(({ address }) => Number(address.split(':')[1]));
  const ports = await Promise.all(Array.from({ length: ENVOYS }, freePort));
  const envoys = await Promise.all(
    ports.map((port) => startEnvoy({ config: plainEnvoy(port, replicaPorts, 'envelope'), logLevel: 'error' })),
  );
  const honest = new HonestLoad();
  try {
    const urls = ports.map((port) => `http://127.0.0.1:${port}/mcp`);
    await honest.open(urls, options.honestSessions);
    await honest.run(WARM_SECONDS, everyMs);
    const before = await honest.run(seconds, everyMs);
    say(`through bare Envoys, undisturbed: ${before.calls} calls, p50 and p99 in ms: ${shown(before)}`);
    const pids = { envoy: envoys.map(({ process }) => process.pid ?? 0), replicas: pidsOf(mesh)['replicas'] ?? [] };
    const under = await underAttack(honest, urls, options, pids);
    const failed = under.during.failed + under.late.failed;
    say(`through bare Envoys, under attack: ${failed} of ${under.during.calls + under.late.calls} calls failed`);
    return under;
  } finally {
    honest.close();
    await Promise.all(envoys.map((envoy) => envoy.close()));
  }
}
