import test from 'ava';
import { startBrowser } from '../console/browser.ts';
import { callers } from '../console/clients-of.ts';
import { findChromium } from '../console/find-chromium.ts';
import { accessible } from '../console/scenes/accessible.ts';
import { breakers } from '../console/scenes/breakers.ts';
import { badConfiguration, rollBack } from '../console/scenes/configuration.ts';
import { restarted, tokenMissing } from '../console/scenes/control-plane-away.ts';
import { quick } from '../console/scenes/quick.ts';
import { rolledBack } from '../console/scenes/rollout.ts';
import { SESSIONS, type Stage } from '../console/scenes/scene.ts';
import { drain, replicaDies } from '../console/scenes/sessions-that-move.ts';
import { story } from '../console/scenes/story.ts';
import { startMesh } from '../mesh/start-mesh.ts';
import { testWith } from '../test-with.ts';

const chromium = findChromium() !== null;
/** Often enough that sessions move soon, and seldom enough that the clients leave the machine to the mesh. */
const CALL_EVERY_MS = 1000;

let stage: Stage;
if (chromium) {
  test.before(async (t) => {
    t.timeout(170_000);
    const [mesh, browser] = await Promise.all([
      startMesh({
        gateways: 2,
        edges: 1,
        servers: {
          linear: { replicas: 3, settings: { trustAnnotations: true } },
          queryquill: { replicas: { stable: 2, canary: 1 }, weights: { canary: 0 } },
        },
      }),
      startBrowser(),
    ]);
    stage = { mesh, browser, calling: await callers(mesh, 'linear', SESSIONS, CALL_EVERY_MS) };
  });
  test.after.always(async () => {
    await stage?.calling.stop();
    await stage?.browser.close();
    await stage?.mesh.close();
  });
}

// One after the other, on one mesh. Clients call during the first three. The last leaves the control plane with a token.
for (const { title, play } of [
  replicaDies,
  drain,
  restarted,
  story,
  breakers,
  rolledBack,
  badConfiguration,
  rollBack,
  accessible,
  quick,
  tokenMissing,
])
  testWith('chromium: apt-get install chromium, or CHROMIUM_BIN', chromium, title, async (t) => {
    t.timeout(170_000);
    await play(t, stage);
  });
