import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LONG, open, SESSIONS, type Scene } from './scene.ts';

export const restarted: Scene = {
  title: 'the control plane is killed while the page is open: it says so, and comes back by itself',
  async play(t, stage) {
    const { mesh, calling } = stage;
    const { page } = await open(t, stage);
    await page.getByRole('status').getByText('live').first().waitFor(LONG);
    await mesh.controlPlane.process.kill();
    await page.getByText('not live').waitFor(LONG);
    await mesh.controlPlane.process.start();
    await page.getByText('not live').waitFor({ ...LONG, state: 'detached' });
    await page.getByRole('article', { name: 'linear' }).getByText(`${SESSIONS} sessions`).waitFor(LONG);
    // What follows needs no clients, and is quicker without them.
    await calling.stop();
    t.is(calling.failed, 0);
  },
};

export const tokenMissing: Scene = {
  title: 'without a token nothing is shown; a wrong one is told; the right one stays in the tab and nowhere else',
  async play(t, stage) {
    const { mesh } = stage;
    const adminTokenFile = join(mesh.folder, 'token');
    await writeFile(adminTokenFile, 'right-token\n');
    await mesh.controlPlane.process.kill();
    await mesh.writeConfig((config) => {
      config['controlPlane'] = { ...(config['controlPlane'] as object), adminTokenFile };
    });
    await mesh.controlPlane.process.start();
    const { page, complaints } = await open(t, stage);
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
};
