import { readFile } from 'node:fs/promises';
import test from 'ava';
import type { Browser, Page } from 'playwright-core';
import { sessionDigest } from '../../../proto/session-record.ts';
import { connectClient } from '../clients/connect-client.ts';
import { closeAfter, openConsole, startBrowser } from '../console/browser.ts';
import { findChromium } from '../console/find-chromium.ts';
import { startMesh, type Mesh } from '../mesh/start-mesh.ts';
import { waitFor } from '../mesh/wait-for.ts';
import { testWith } from '../test-with.ts';

const chromium = findChromium() !== null;
const need = 'chromium: apt-get install chromium, or CHROMIUM_BIN';
const LONG = { timeout: 60_000 };

let mesh: Mesh, browser: Browser;
if (chromium) {
  test.before(async (t) => {
    t.timeout(170_000);
    [mesh, browser] = await Promise.all([
      startMesh({
        gateways: 1,
        servers: { linear: { replicas: { stable: 2, canary: 1 }, weights: { canary: 0 } } },
      }),
      startBrowser(),
    ]);
  });
  test.after.always(async () => {
    await browser?.close();
    await mesh?.close();
  });
}
const url = (): string => mesh.controlPlane.adminUrl;
const client = () => connectClient({ kind: 'v1', url: mesh.url('linear', 0), timeoutMs: 20_000 });

/** Says yes to what the page asks, as Ada. */
async function confirm(page: Page, button: string): Promise<void> {
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Your name, for the events').fill('Ada');
  await dialog.getByRole('button', { name: button, exact: true }).click();
  await dialog.waitFor({ ...LONG, state: 'hidden' });
}
const happened = (page: Page, kind: string) =>
  page.locator('.timeline li', { has: page.locator('.kind', { hasText: kind }) }).first();
/** The event of an action, once it is there: who did it stands in it. */
async function whoDid(page: Page, kind: string): Promise<string> {
  await page.evaluate(`location.hash = '#/events'`);
  await happened(page, kind).waitFor(LONG);
  return (await happened(page, kind).locator('.message').textContent()) ?? '';
}

testWith(
  need,
  chromium,
  'a session’s story: where it began, why it moved and how long that took, and its end',
  async (t) => {
    t.timeout(120_000);
    const session = await client();
    const digest = sessionDigest(session.sessionId ?? '');
    const { replica } = (await session.callTool('whoami')).data as { replica: { name: string } };
    const victim = mesh.replicas.find(({ name }) => name === replica.name);
    await victim?.process.kill();
    await session.callTool('whoami');
    const { page, complaints } = await openConsole(browser, url(), 'sessions');
    closeAfter(t, page);
    await page.getByLabel('Digest').fill(digest.slice(0, 12));
    await page.getByRole('button', { name: 'Look' }).click();
    const rows = page.getByRole('row').filter({ has: page.locator('code') });
    await rows.getByRole('link', { name: digest.slice(0, 12) }).click(LONG);
    const story = page.locator('.story li');
    await story.nth(1).waitFor(LONG);
    t.regex((await story.nth(0).textContent()) ?? '', new RegExp(`began on ${replica.name} \\(slot`));
    t.regex(
      (await story.nth(1).textContent()) ?? '',
      new RegExp(`moved from ${replica.name} \\(slot \\w+\\) to linear-\\S+ \\(slot \\w+\\): .* in [\\d.]+ m?s$`),
    );
    t.false((await page.content()).includes(session.sessionId ?? '?'), 'the id is a credential');
    await session.terminate();
    await session.close();
    await page.reload();
    await page.locator('.story li', { hasText: 'ended' }).waitFor(LONG);
    t.deepEqual(complaints, []);
    await victim?.process.start();
    await mesh.settled();
  },
);

testWith(need, chromium, 'a breaker is held open and reset from the page, by name', async (t) => {
  t.timeout(120_000);
  const session = await client();
  t.teardown(() => session.close());
  await session.callTool('whoami');
  const { page, complaints } = await openConsole(browser, url(), 'server/linear');
  closeAfter(t, page);
  await page.getByRole('button', { name: 'Hold open the breaker of whoami' }).click(LONG);
  await page.getByRole('dialog').getByText('A tool’s calls are refused with an error').waitFor(LONG);
  await confirm(page, 'Hold open');
  await page
    .getByRole('row', { name: /^whoami/ })
    .getByText('forced-open')
    .waitFor(LONG);
  await waitFor(
    () =>
      session.callTool('whoami').then(
        () => false,
        () => true,
      ),
    { what: 'calls are refused' },
  );
  await page.getByRole('button', { name: 'Reset the breaker of whoami' }).click(LONG);
  await confirm(page, 'Reset');
  await waitFor(
    () =>
      session.callTool('whoami').then(
        () => true,
        () => false,
      ),
    { what: 'calls go through' },
  );
  t.regex(await whoDid(page, 'breaker.force-open'), /linear tool whoami: force-open \(by Ada, console\)/);
  t.regex(await whoDid(page, 'breaker.reset'), /\(by Ada, console\)/);
  t.deepEqual(complaints, []);
});

testWith(need, chromium, 'a former configuration is put in place again, and its change is gone', async (t) => {
  t.timeout(120_000);
  const before = await readFile(mesh.configFile, 'utf8');
  const { page, complaints } = await openConsole(browser, url(), 'configuration');
  closeAfter(t, page);
  const newest = page.getByRole('row').filter({ hasText: 'in force' }).getByRole('rowheader');
  await newest.waitFor(LONG);
  const version = Number.parseInt((await newest.textContent()) ?? '', 10);
  await mesh.writeConfig((config) => {
    const [server] = config['servers'] as Record<string, unknown>[];
    if (server) server['logSuccessSample'] = 0.5;
  });
  await page.getByRole('button', { name: `Roll back to version ${version}`, exact: true }).click(LONG);
  await page.getByRole('dialog').getByText('The file is replaced by the version of').waitFor(LONG);
  await confirm(page, 'Roll back');
  await waitFor(async () => (await readFile(mesh.configFile, 'utf8')) === before, {
    what: 'the file is as it was',
  });
  await page.getByRole('row', { name: new RegExp(`^${version + 2} in force`) }).waitFor(LONG);
  t.regex(await whoDid(page, 'config.rolled-back'), /\(by Ada, console\)/);
  t.deepEqual(complaints, []);
});

testWith(need, chromium, 'a rollout is seen to begin, and to be rolled back when its backend dies', async (t) => {
  t.timeout(170_000);
  const { page, complaints } = await openConsole(browser, url(), 'rollouts');
  closeAfter(t, page);
  await page.getByRole('button', { name: 'Start a rollout' }).click(LONG);
  await page.getByRole('dialog').getByText('two bad looks in a row roll it back').waitFor(LONG);
  await confirm(page, 'Start');
  const card = page.locator('article', { hasText: 'linear: stable → canary' });
  await card.getByText('10 % of new sessions for canary').waitFor(LONG);
  await mesh.replicas.find(({ name }) => name.includes('canary'))?.process.kill();
  await card.getByText('rolled back').first().waitFor(LONG);
  await card.getByText('backend canary has no healthy replica left').waitFor(LONG);
  await card.getByRole('button', { name: 'Clear' }).click();
  await confirm(page, 'Clear');
  await page.getByText('No rollout is known.').waitFor(LONG);
  t.regex(await whoDid(page, 'rollout.started'), /\(by Ada, console\)/);
  t.deepEqual(complaints, []);
});
