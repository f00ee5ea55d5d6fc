import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium, type Browser, type Page } from 'playwright-core';
import { findChromium } from './find-chromium.ts';

export interface ConsolePage {
  page: Page;
  /** What the browser refused or could not do: a violated policy, an exception, a file that did not load. */
  complaints: string[];
}

/** A headless Chromium. As root it has no sandbox of its own; it only ever loads pages of the tests. */
export async function startBrowser({ timeoutMs = 30_000 } = {}): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === null) throw new Error('no Chromium: install the package chromium, or set CHROMIUM_BIN');
  return chromium.launch({
    executablePath,
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
    timeout: timeoutMs,
  });
}

export async function openConsole(browser: Browser, url: string, view = 'mesh'): Promise<ConsolePage> {
  const page = await browser.newPage({ viewport: { width: 1360, height: 800 } });
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    // A control plane that is away, and a token that is asked for, are no mistake of the page.
    if (message.type() === 'error' && !/ERR_CONNECTION|ERR_INCOMPLETE|ERR_EMPTY|401|503/.test(message.text()))
      complaints.push(message.text());
  });
  await page.goto(`${url}/console#/${view}`);
  return { page, complaints };
}

/** Each view of the console with its heading. */
export const VIEWS: Readonly<Record<string, string>> = {
  mesh: 'Mesh',
  'server/linear': 'linear',
  events: 'Events',
  sessions: 'Sessions',
  rollouts: 'Rollouts and drains',
  configuration: 'Configuration',
  checks: 'Checks',
};

/** Goes to a view of `VIEWS`, and waits until it is there. */
export async function show(page: Page, view: string): Promise<void> {
  await page.evaluate(`location.hash = '#/${view}'`);
  const heading = page.getByRole('heading', { level: 1, name: VIEWS[view] ?? view, exact: true });
  await heading.waitFor({ state: 'attached', timeout: 60_000 });
}

interface AxeResult {
  violations: { id: string; nodes: { html: string; failureSummary: string }[] }[];
}

/** What axe-core finds on the page as it is, as `rule: element`. */
export async function axeFindings(page: Page): Promise<string[]> {
  // By the debugger's protocol: the page's policy lets no script in, and that is right.
  const session = await page.context().newCDPSession(page);
  if (!(await page.evaluate('"axe" in window'))) {
    const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
    await session.send('Runtime.evaluate', { expression: source });
  }
  const { result } = await session.send('Runtime.evaluate', {
    expression: 'axe.run(document, { resultTypes: ["violations"] }).then((found) => JSON.stringify(found))',
    awaitPromise: true,
    returnByValue: true,
  });
  await session.detach();
  const { violations } = JSON.parse(String(result.value)) as AxeResult;
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
  );
}
