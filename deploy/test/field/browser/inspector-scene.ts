import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { startMesh } from '../../mesh/start-mesh.ts';
import type { Scene } from '../scene.ts';
import { startBrowser } from '../../console/browser.ts';
import { findChromium } from '../../console/find-chromium.ts';
import { startSite } from './static-site.ts';

const NAME = /linear-\d/;

const textOf = async (page: Page): Promise<string> => (await page.locator('body').textContent()) ?? '';

/** Runs the tool that is open on the page; the replica that the page names in the result. */
async function runTool(page: Page, before: string | null): Promise<string> {
  await page
    .getByRole('button', { name: /Run Tool/ })
    .first()
    .click();
  for (let tries = 0; tries < 300; tries += 1) {
    const seen = NAME.exec(await textOf(page))?.[0];
    if (seen !== undefined && seen !== before) return seen;
    await new Promise((later) => setTimeout(later, 100));
  }
  return (await textOf(page)).slice(-300);
}

/** The MCP Inspector's page speaks to the mesh from another origin, as a web host does. */
export const INSPECTOR_SCENE: Scene = {
  section: 'browser',
  name: 'MCP Inspector',
  packages: ['inspector'],
  lacks: () => (findChromium() === null ? 'chromium on PATH' : null),
  async play(trial, { inspector }) {
    const site = await startSite(join(inspector, 'node_modules/@modelcontextprotocol/inspector-client/dist'));
    const settings = { trustAnnotations: true, allowedOrigins: [site.origin], cors: {} };
    const mesh = await startMesh({ gateways: 1, servers: { linear: { replicas: 2, settings } } });
    const browser = await startBrowser({ timeoutMs: 120_000 });
    try {
      const page = await browser.newPage();
      await page.addInitScript(
        (entries: Record<string, string>) => {
          for (const [key, value] of Object.entries(entries)) localStorage.setItem(key, value);
        },
        { lastTransportType: 'streamable-http', lastConnectionType: 'direct', lastSseUrl: mesh.url('linear') },
      );
      const subject = { id: 'F11', client: 'MCP Inspector 1.0.3 in Chromium', server: 'linear, cors' };
      await page.goto(site.origin);
      let home = '';
      await trial({ ...subject, expected: 'lists and calls' }, async () => {
        await page.getByRole('button', { name: 'Connect', exact: true }).first().click();
        await page.getByRole('tab', { name: 'Tools', exact: true }).first().click();
        await page.getByRole('button', { name: 'List Tools' }).first().click();
        await page.getByText('whoami', { exact: true }).first().click();
        home = await runTool(page, null);
        return NAME.test(home) ? 'lists and calls' : home;
      });
      await trial({ ...subject, expected: 'goes on after a kill' }, async () => {
        await mesh.replicas.find(({ name }) => name === home)?.process.kill();
        const other = await runTool(page, home);
        return NAME.test(other) && other !== home ? 'goes on after a kill' : other;
      });
    } finally {
      await browser.close();
      await mesh.close();
      site.close();
    }
  },
};
