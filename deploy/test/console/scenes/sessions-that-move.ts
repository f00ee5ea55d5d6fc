import { waitFor } from '../../mesh/wait-for.ts';
import { LONG, open, SESSIONS, type Scene } from './scene.ts';

export const replicaDies: Scene = {
  title: 'a replica dies under 100 sessions: they are seen to move, and what is wrong stands first',
  async play(t, stage) {
    const { mesh, calling } = stage;
    const { page, complaints } = await open(t, stage);
    const linear = page.getByRole('article', { name: 'linear' });
    await linear.getByText(`${SESSIONS} sessions`).waitFor(LONG);
    t.is(await page.locator('[data-link="edge"] .name').textContent(), 'edge-1');
    await page
      .locator('.links path.flows')
      .first()
      .waitFor({ ...LONG, state: 'attached' });
    // Each dot stands for a session that moves; they are gone two seconds later, so they are counted as they come.
    await page.evaluate(`new MutationObserver((changes) => {
      const before = Number(document.body.dataset.dots ?? 0);
      document.body.dataset.dots = String(before + changes.reduce((sum, each) => sum + each.addedNodes.length, 0));
    }).observe(document.querySelector('.moving'), { childList: true })`);
    const [victim] = mesh.replicasOf('linear');
    await victim?.process.kill();
    await page.locator('.replica.unhealthy').waitFor(LONG);
    await page.locator('body[data-dots]').waitFor({ ...LONG, state: 'attached' });
    await page
      .locator('.replica.unhealthy')
      .getByText(/^0 sessions/)
      .waitFor(LONG);
    await linear.getByText(`${SESSIONS} sessions`).waitFor(LONG);
    await page
      .locator('.findings')
      .getByText(victim?.name ?? 'none')
      .first()
      .waitFor(LONG);
    const [findings, picture] = await Promise.all([
      page.locator('.findings').boundingBox(),
      page.locator('.picture').boundingBox(),
    ]);
    t.true((findings?.y ?? 1e9) < (picture?.y ?? 0));
    t.is(calling.failed, 0, 'clients noticed nothing');
    t.deepEqual(complaints, []);
    await victim?.process.start();
    await page.locator('.replica.unhealthy').waitFor({ ...LONG, state: 'detached' });
  },
};

export const drain: Scene = {
  title: 'a drain is told in plain words before it is done, and stands in the events after',
  async play(t, stage) {
    const { mesh, calling } = stage;
    const { page, complaints } = await open(t, stage, 'server/linear');
    await page.getByRole('button', { name: 'Drain linear-2' }).click(LONG);
    const dialog = page.getByRole('dialog', { name: 'Drain linear-2 of linear?' });
    await dialog.getByText(/sessions? move to 2 other replicas with the next request/).waitFor(LONG);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ ...LONG, state: 'hidden' });
    const drains = await fetch(`${mesh.controlPlane.adminUrl}/v1/drains`);
    t.deepEqual(await drains.json(), [], 'asking changes nothing');
    await page.getByRole('button', { name: 'Drain linear-2' }).focus();
    await page.keyboard.press('Enter');
    await dialog.getByRole('button', { name: 'Drain', exact: true }).click();
    await page.getByText('Done: Drain linear-2 of linear').waitFor(LONG);
    const row = page.getByRole('row', { name: /^linear-2/ });
    await row.getByText('draining').waitFor(LONG);
    await page.locator('.timeline .kind', { hasText: 'drain.started' }).first().waitFor(LONG);
    await waitFor(async () => (await row.getByRole('cell').nth(2).textContent()) === '0', {
      what: 'its sessions are elsewhere',
      timeoutMs: 60_000,
    });
    await page.getByRole('button', { name: 'Take linear-2 in again' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Take in again' }).click();
    await row.getByText('takes sessions').waitFor(LONG);
    t.is(calling.failed, 0);
    t.deepEqual(complaints, []);
  },
};
