import { writeFile } from 'node:fs/promises';
import test from 'ava';
import type { Browser } from 'playwright-core';
import { axeFindings, closeAfter, openConsole, startBrowser } from '../console/browser.ts';
import { callers, type Callers } from '../console/clients-of.ts';
import { findChromium } from '../console/find-chromium.ts';
import { startMesh, type Mesh } from '../mesh/start-mesh.ts';
import { waitFor } from '../mesh/wait-for.ts';
import { testWith } from '../test-with.ts';

const SESSIONS = 100;
const chromium = findChromium() !== null;
const need = 'chromium: apt-get install chromium, or CHROMIUM_BIN';
const LONG = { timeout: 60_000 };

let mesh: Mesh, browser: Browser, calling: Callers;
if (chromium) {
  test.before(async (t) => {
    t.timeout(170_000);
    [mesh, browser] = await Promise.all([
      startMesh({ gateways: 2, edges: 1, servers: { linear: { replicas: 3, settings: { trustAnnotations: true } } } }),
      startBrowser(),
    ]);
    calling = await callers(mesh, 'linear', SESSIONS, 400);
  });
  test.after.always(async () => {
    await calling?.stop();
    await browser?.close();
    await mesh?.close();
  });
}
const url = (): string => mesh.controlPlane.adminUrl;

testWith(
  need,
  chromium,
  'a replica dies under 100 sessions: they are seen to move, and what is wrong stands first',
  async (t) => {
    t.timeout(170_000);
    const { page, complaints } = await openConsole(browser, url());
    closeAfter(t, page);
    await page.getByText(`${SESSIONS} sessions`).waitFor(LONG);
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
    await page.locator('.replica.unhealthy').getByText('0 sessions').waitFor(LONG);
    await page.getByText(`${SESSIONS} sessions`).waitFor(LONG);
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
);

testWith(
  need,
  chromium,
  'a drain is told in plain words before it is done, and stands in the events after',
  async (t) => {
    t.timeout(170_000);
    const { page, complaints } = await openConsole(browser, url(), 'server/linear');
    closeAfter(t, page);
    await page.getByRole('button', { name: 'Drain linear-2' }).click(LONG);
    const dialog = page.getByRole('dialog', { name: 'Drain linear-2 of linear?' });
    await dialog.getByText(/sessions? move to 2 other replicas when they next speak/).waitFor(LONG);
    await page.keyboard.press('Escape');
    await dialog.waitFor({ ...LONG, state: 'hidden' });
    t.deepEqual(await (await fetch(`${url()}/v1/drains`)).json(), [], 'asking changes nothing');
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
);

testWith(need, chromium, 'a bad configuration is shown with its problem, and the last good one stays', async (t) => {
  t.timeout(120_000);
  const { page, complaints } = await openConsole(browser, url(), 'configuration');
  closeAfter(t, page);
  await page.getByText('in force', { exact: true }).waitFor(LONG);
  await writeFile(mesh.configFile, 'port: many\nservers: []\n');
  await page.getByText('Not in force').waitFor(LONG);
  await page.locator('.finding code').first().waitFor(LONG);
  t.regex((await page.locator('.findings').textContent()) ?? '', /port/);
  await mesh.writeConfig();
  await page.getByText('Not in force').waitFor({ ...LONG, state: 'detached' });
  t.deepEqual(complaints, []);
});

testWith(
  need,
  chromium,
  'the control plane is killed while the page is open: it says so, and comes back by itself',
  async (t) => {
    t.timeout(120_000);
    const { page } = await openConsole(browser, url());
    closeAfter(t, page);
    await page.getByRole('status').getByText('live').first().waitFor(LONG);
    await mesh.controlPlane.process.kill();
    await page.getByText('not live').waitFor(LONG);
    await mesh.controlPlane.process.start();
    await page.getByText('not live').waitFor({ ...LONG, state: 'detached' });
    await page.getByText(`${SESSIONS} sessions`).waitFor(LONG);
    t.is(calling.failed, 0);
  },
);

testWith(need, chromium, 'axe finds nothing on any view, light and dark, wide and at phone width', async (t) => {
  t.timeout(170_000);
  const { page, complaints } = await openConsole(browser, url());
  closeAfter(t, page);
  await page.locator('.server').first().waitFor(LONG);
  for (const [width, colorScheme] of [
    [1360, 'light'],
    [390, 'dark'],
  ] as const) {
    await page.setViewportSize({ width, height: 800 });
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    for (const view of ['mesh', 'server/linear', 'events', 'sessions', 'rollouts', 'configuration', 'checks']) {
      await page.evaluate(`location.hash = '#/${view}'`);
      await page
        .locator('main h1')
        .first()
        .waitFor({ ...LONG, state: 'attached' });
      t.deepEqual(await axeFindings(page), [], `${view}, ${colorScheme}`);
      t.true(
        await page.evaluate<boolean>('document.documentElement.scrollWidth <= innerWidth'),
        `${view} is not wider than ${width}`,
      );
    }
  }
  await page.evaluate(`location.hash = '#/server/linear'`);
  await page.getByRole('button', { name: 'Drain linear-1' }).click();
  t.deepEqual(await axeFindings(page), [], 'the dialog');
  t.deepEqual(complaints, []);
});
