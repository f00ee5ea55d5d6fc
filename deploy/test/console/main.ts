import { Command } from 'commander';
import { commandLine } from '../../../proto/command-line.ts';
import { startMesh } from '../mesh/start-mesh.ts';
import { atMost, exactly } from '../report/objectives.ts';
import { printReport } from '../report/print-report.ts';
import { axeFindings, openConsole, show, startBrowser, VIEWS } from './browser.ts';
import { callers } from './clients-of.ts';
import { longestTaskMs } from './longest-task.ts';
import { takePictures } from './take-pictures.ts';

/**
 * `npm run console:look`: looks at each view of the console on a real mesh. It uses axe, and looks for long tasks with
 * 1,000 replicas. With `--pictures` it writes the pictures of docs/console.md.
 */
const {
  values: { json, pictures },
} = commandLine<{ json: boolean; pictures: boolean }>(
  new Command('console')
    .description('Looks at the console in a headless Chromium')
    .option('--json', 'one JSON object', false)
    .option('--pictures', 'writes docs/images/console-*.png', false),
);
await using mesh = await startMesh({
  gateways: 2,
  edges: 1,
  servers: {
    linear: { replicas: 3, settings: { trustAnnotations: true } },
    queryquill: { replicas: { stable: 2, canary: 1 }, weights: { canary: 0 } },
  },
});
const calling = await Promise.all([callers(mesh, 'linear', 30), callers(mesh, 'queryquill', 8)]);
const browser = await startBrowser();
try {
  const { page } = await openConsole(browser, mesh.controlPlane.adminUrl);
  await page.setViewportSize({ width: 1200, height: 640 });
  await page.locator('.links path.flows').first().waitFor({ state: 'attached', timeout: 30_000 });
  if (pictures) await takePictures(page, mesh);
  let found = 0;
  for (const [width, colorScheme] of [
    [1200, 'light'],
    [390, 'dark'],
  ] as const) {
    await page.setViewportSize({ width, height: 760 });
    await page.emulateMedia({ colorScheme });
    for (const view of Object.keys(VIEWS)) {
      await show(page, view);
      const findings = await axeFindings(page);
      for (const finding of findings) process.stderr.write(`${view}, ${colorScheme}: ${finding}\n`);
      found += findings.length;
    }
  }
  await page.close();
  await Promise.all(calling.splice(0).map((each) => each.stop()));
  const longest = await longestTaskMs(browser, mesh.controlPlane.adminUrl);
  printReport(
    [
      exactly('axe violations on all views', 0, found),
      atMost('longest task with 1,000 replicas, ms of CPU', 50, longest),
    ],
    { json },
  );
} finally {
  await Promise.all(calling.map((each) => each.stop()));
  await browser.close();
}
