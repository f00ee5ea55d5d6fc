import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser } from 'playwright-core';
import { parseJson } from '../../../proto/parse-json.ts';
import { largeMesh } from './large-mesh.ts';

/** Looks at the mesh before anything counts, as V8 compiles the page's code for the first ones, and looks that count. */
const WARM_LOOKS = 4,
  LOOKS = 6;
const CATEGORIES = ['toplevel', 'devtools.timeline', 'disabled-by-default-devtools.timeline'];

interface TraceEvent {
  name: string;
  pid: number;
  tid: number;
  /** CPU of the thread, µs. */
  tdur?: number;
  args: { name?: string };
}

/**
 * Milliseconds of CPU of the page's longest task while it draws 1,000 replicas of 50 servers, which change every second. CPU, not the clock: a
 * machine that is busy elsewhere makes no task longer.
 */
export async function longestTaskMs(browser: Browser, url: string): Promise<number> {
  const page = await browser.newPage({ viewport: { width: 1360, height: 800 } });
  let look = 0;
  const until = async (wanted: number): Promise<void> => {
    while (look < wanted) await sleep(100);
  };
  await page.route('**/v1/live*', (route) =>
    route.fulfill({ contentType: 'text/event-stream', body: largeMesh(look++) }),
  );
  await page.goto(`${url}/console#/mesh`);
  await page.locator('.square').first().waitFor();
  await until(WARM_LOOKS);
  await browser.startTracing(page, { categories: CATEGORIES });
  await until(look + LOOKS);
  const trace: unknown = parseJson(await browser.stopTracing());
  const { traceEvents } = trace as { traceEvents: TraceEvent[] };
  await page.close();
  const thread = ({ pid, tid }: TraceEvent): string => `${pid}/${tid}`;
  const ofPages = new Set(
    traceEvents.filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain').map(thread),
  );
  const tasks = traceEvents.filter((event) => event.name.endsWith('RunTask') && ofPages.has(thread(event)));
  if (tasks.length === 0) throw new Error('the trace of the browser has no task of the page');
  return Math.max(...tasks.map(({ tdur = 0 }) => tdur)) / 1000;
}
