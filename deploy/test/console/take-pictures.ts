import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Page } from 'playwright-core';
import type { Mesh } from '../mesh/start-mesh.ts';
import { show } from './browser.ts';
import { callers } from './clients-of.ts';

const folder = resolve(import.meta.dirname, '../../../docs/images');
const WIDTH = 1200,
  HIGHEST = 900,
  LONG = { timeout: 60_000 };

/** Takes the place of the machine's name, which is nobody's business, and of which each machine has another. */
const unnamed = `for (const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT); walk.nextNode(); )
  walk.currentNode.data = walk.currentNode.data.replace(/\\S+-\\d+-[0-9a-f]{6}\\b|[\\w.-]+-[0-9a-f]{6}\\b(?= leads)/g, 'control-plane-1');`;

/** As high as the page's content, so that no picture is half empty. */
async function picture(page: Page, name: string): Promise<void> {
  const height = Math.ceil(
    Number(await page.evaluate('document.querySelector("main").lastElementChild.getBoundingClientRect().bottom')),
  );
  await page.evaluate(unnamed);
  const viewport = page.viewportSize() ?? { width: WIDTH, height: HIGHEST };
  await page.screenshot({
    path: resolve(folder, `console-${name}.png`),
    clip: { x: 0, y: 0, width: viewport.width, height: Math.min(viewport.height, height + 24) },
  });
}

/** Where the dots are in the middle of their way. */
async function sessionsMove(page: Page): Promise<void> {
  await page
    .locator('.links circle')
    .first()
    .waitFor({ ...LONG, state: 'attached' });
  await page.evaluate(`for (const animation of document.getAnimations())
    if (animation.effect?.target?.tagName === 'circle') { animation.pause(); animation.currentTime = 900; }`);
}

/** Does to the mesh what the console shows, and writes a picture of each view to docs/images. */
export async function takePictures(page: Page, mesh: Mesh): Promise<void> {
  await page.setViewportSize({ width: WIDTH, height: HIGHEST });
  await sleep(6000);
  const [victim] = mesh.replicasOf('linear');
  await victim?.process.kill();
  await sessionsMove(page);
  await picture(page, 'moving');

  await page.locator('.findings').waitFor(LONG);
  await picture(page, 'mesh');
  await show(page, 'server/linear');
  await sleep(2000);
  await picture(page, 'server');
  await page.getByRole('button', { name: 'Drain linear-2' }).click();
  await picture(page, 'dialog');
  await page.keyboard.press('Escape');
  await page.setViewportSize({ width: WIDTH, height: 560 });
  await show(page, 'sessions');
  const moved = page.getByRole('row').filter({ has: page.getByRole('cell', { name: '1', exact: true }) });
  await moved.first().waitFor(LONG);
  await picture(page, 'sessions');
  await page.setViewportSize({ width: WIDTH, height: HIGHEST });
  await moved.first().getByRole('link').click();
  await page.locator('.story li').nth(1).waitFor(LONG);
  await picture(page, 'session');

  const post = (path: string, body: unknown): Promise<Response> =>
    fetch(`${mesh.controlPlane.adminUrl}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  const out = { kind: 'replica', server: 'linear', replica: 'linear-2' };
  await post('/v1/rollouts', {
    server: 'queryquill',
    from: 'stable',
    to: 'canary',
    intervalMs: 1000,
    minSessions: 100,
    steps: [50, 100],
  });
  await post('/v1/drains', { target: out, deadlineMs: 60_000 });
  const more = await callers(mesh, 'queryquill', 30);
  await show(page, 'rollouts');
  await page.locator('.gates li', { hasText: /[1-9]\d* calls failed/ }).waitFor(LONG);
  await picture(page, 'rollouts');
  await more.stop();
  await post('/v1/undrain', { target: out });

  await mesh.writeConfig(({ servers: [server] }) => {
    if (server) server['logSuccessSample'] = 0.1;
  });
  await show(page, 'configuration');
  await page.getByRole('button', { name: 'What changed since version 1' }).click(LONG);
  await page.locator('.diff .added').first().waitFor(LONG);
  await page.getByText('2 in force').waitFor(LONG);
  await picture(page, 'configuration');
  await show(page, 'events');
  await picture(page, 'events');
  await show(page, 'checks');
  await picture(page, 'checks');

  await show(page, 'mesh');
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.setViewportSize({ width: 390, height: 760 });
  await sleep(2000);
  await picture(page, 'phone');
}
