import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mkdtemp, rm } from 'node:fs/promises';
import { closeAfter, openConsole, startBrowser } from '../console/browser.ts';
import { findChromium } from '../console/find-chromium.ts';
import { startMesh } from '../mesh/start-mesh.ts';
import { testWith } from '../test-with.ts';

const LONG = { timeout: 60_000 };

testWith(
  'chromium: apt-get install chromium, or CHROMIUM_BIN',
  findChromium() !== null,
  'without a token nothing is shown; a wrong one is told; the right one stays in the tab and nowhere else',
  async (t) => {
    t.timeout(150_000);
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-token-'));
    t.teardown(() => rm(folder, { recursive: true, force: true }));
    await writeFile(join(folder, 'token'), 'right-token\n');
    await using mesh = await startMesh({
      gateways: 1,
      redis: false,
      servers: { linear: { replicas: 1 } },
      config: (config) => {
        (config['controlPlane'] as Record<string, unknown>)['adminTokenFile'] = join(folder, 'token');
      },
    });
    const browser = await startBrowser();
    t.teardown(() => browser.close());
    const { page, complaints } = await openConsole(browser, mesh.controlPlane.adminUrl);
    closeAfter(t, page);
    const field = page.getByLabel('Token');
    await field.waitFor(LONG);
    t.is(await page.locator('.server').count(), 0);
    await field.fill('wrong-token');
    await page.getByRole('button', { name: 'Use it' }).click();
    await page.getByText('The token was not taken.').waitFor(LONG);
    await field.fill('right-token');
    await page.keyboard.press('Enter');
    await page.locator('.server').first().waitFor(LONG);
    t.deepEqual(await page.evaluate("[location.href.includes('right-token'), localStorage.length, document.cookie]"), [
      false,
      0,
      '',
    ]);
    await page.getByRole('button', { name: 'Forget the token' }).click();
    await field.waitFor(LONG);
    t.deepEqual(complaints, []);
  },
);
