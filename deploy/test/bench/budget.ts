import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startMesh } from '../mesh/start-mesh.ts';
import { temporaryFolder } from '../mesh/temporary-folder.ts';
import { atLeast, exactly, round } from '../report/objectives.ts';
import { table } from '../report/table.ts';
import { sharesOf } from './budget/profile.ts';
import { cpuPerRequest } from './load/cpu.ts';
import { openSessions, runLoad } from './load/http-load.ts';
import { benchMesh } from './load/side-by-side.ts';
import type { Bench } from './main.ts';

const CONNECTIONS = 32;
const SESSIONS = 1000;
/** Calls before the profile counts: a sidecar that has carried fewer runs on code that V8 has not compiled well yet. */
const WARM_CALLS = 15_000;
/** A budget of which less is named says little. */
const LEAST_NAMED = 0.9;

const nowUs = (): number => Number(process.hrtime.bigint() / 1000n);
const pid = (process: { pid: number | undefined }): number => process.pid ?? 0;

export const bench: Bench = {
  description: 'where the microseconds of one guarded call go, from a profile of the sidecar under load',
  async run({ say, seconds }) {
    const folder = await temporaryFolder('holdfast-profile-');
    await using mesh = await startMesh({
      ...benchMesh(),
      gatewayEnv: () => ({ NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${folder.path}` }),
    });
    try {
      const [gateway] = mesh.gateways,
        sidecar = gateway?.sidecars[0];
      if (gateway === undefined || sidecar === undefined) throw new Error('the mesh has no gateway');
      const port = Number(new URL(gateway.url).port),
        path = '/mcp/guarded';
      const sessions = await openSessions(port, path, SESSIONS);
      const load = (length: number) => runLoad({ port, path, connections: CONNECTIONS, sessions, seconds: length });
      for (let calls = 0; calls < WARM_CALLS; ) calls += (await load(1)).requests;
      const fromUs = nowUs();
      const pids = { envoy: [pid(gateway.envoy.process)], sidecar: [pid(sidecar.process)] };
      const measured = await cpuPerRequest(pids, () => load(seconds));
      const toUs = nowUs();
      // A profile is written when its process ends.
      await sidecar.process.stop();
      const [file] = readdirSync(folder.path).filter((name) => name.endsWith('.cpuprofile'));
      if (file === undefined) throw new Error('the sidecar has written no profile');
      const shares = sharesOf(readFileSync(join(folder.path, file), 'utf8'), fromUs, toUs);
      const envoyUs = measured.cpuUs['envoy'] ?? Number.NaN,
        sidecarUs = measured.cpuUs['sidecar'] ?? Number.NaN;
      const parts = shares.map(([place, share]) => ({ place, us: round(share * sidecarUs), share: round(share) }));
      say(
        table(
          ['where', 'µs per call', 'share of the sidecar'],
          [
            ['Envoy, both passes', envoyUs, null],
            ['sidecar, profiled', sidecarUs, 1],
            ...parts.map(({ place, us, share }) => [`  ${place}`, us, share]),
          ],
        ),
      );
      const unnamed = parts
        .filter(({ place }) => place === 'functions of V8')
        .reduce((sum, { share }) => sum + share, 0);
      return {
        objectives: [
          atLeast('share of the sidecar’s time that has a place', LEAST_NAMED, 1 - unnamed),
          exactly('errors', 0, measured.errors),
        ],
        figures: { envoyUs, sidecarUs, parts, requests: measured.requests },
      };
    } finally {
      await folder.remove();
    }
  },
};
