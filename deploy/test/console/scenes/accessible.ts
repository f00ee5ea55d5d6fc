import { axeFindings, show, VIEWS } from '../browser.ts';
import { LONG, open, type Scene } from './scene.ts';

export const accessible: Scene = {
  title: 'axe finds nothing on any view, light and dark, wide and at phone width',
  async play(t, stage) {
    const { page, complaints } = await open(t, stage);
    await page.locator('.server').first().waitFor(LONG);
    for (const [width, colorScheme] of [
      [1360, 'light'],
      [390, 'dark'],
    ] as const) {
      await page.setViewportSize({ width, height: 800 });
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      for (const view of Object.keys(VIEWS)) {
        await show(page, view);
        if (view === 'configuration' && colorScheme === 'light') {
          // Version 2 is the one that was rolled back. The list of changes stays open.
          await page.getByRole('button', { name: 'What changed since version 2', exact: true }).click(LONG);
          await page.locator('.diff').waitFor(LONG);
        }
        t.deepEqual(await axeFindings(page), [], `${view}, ${colorScheme}`);
        t.true(
          await page.evaluate<boolean>('document.documentElement.scrollWidth <= innerWidth'),
          `${view} is not wider than ${width}`,
        );
      }
    }
    await show(page, 'server/linear');
    await page.getByRole('button', { name: 'Drain linear-1' }).click();
    t.deepEqual(await axeFindings(page), [], 'the dialog');
    t.deepEqual(complaints, []);
  },
};
