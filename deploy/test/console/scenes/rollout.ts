import { confirm, LONG, open, whoDid, type Scene } from './scene.ts';

export const rolledBack: Scene = {
  title: 'a rollout is seen to begin, and to be rolled back when its backend dies',
  async play(t, stage) {
    const canary = stage.mesh.replicas.find(({ name }) => name.includes('canary'));
    const { page, complaints } = await open(t, stage, 'rollouts');
    await page.getByRole('button', { name: 'Start a rollout' }).click(LONG);
    await page.getByRole('dialog').getByText('two failed analyses in a row roll it back').waitFor(LONG);
    await confirm(page, 'Start');
    const card = page.locator('article', { hasText: 'queryquill: stable → canary' });
    await card.getByText('10 % of new sessions for canary').waitFor(LONG);
    await canary?.process.kill();
    await card.getByText('rolled back').first().waitFor(LONG);
    await card.getByText('backend canary has no healthy replica left').waitFor(LONG);
    await card.getByRole('button', { name: 'Clear' }).click();
    await confirm(page, 'Clear');
    await page.getByText('No rollout is known.').waitFor(LONG);
    t.regex(await whoDid(page, 'rollout.started'), /\(by Ada, console\)/);
    t.deepEqual(complaints, []);
    await canary?.process.start();
  },
};
