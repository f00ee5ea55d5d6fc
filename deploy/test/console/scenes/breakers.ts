import { connectClient } from '../../clients/connect-client.ts';
import { waitFor } from '../../mesh/wait-for.ts';
import { confirm, LONG, open, whoDid, type Scene } from './scene.ts';

export const breakers: Scene = {
  title: 'a breaker is held open and reset from the page, by name',
  async play(t, stage) {
    const session = await connectClient({ kind: 'v1', url: stage.mesh.url('queryquill'), timeoutMs: 20_000 });
    t.teardown(() => session.close());
    const isAnswered = (): Promise<boolean> =>
      session.callTool('whoami').then(
        () => true,
        () => false,
      );
    t.true(await isAnswered());
    const { page, complaints } = await open(t, stage, 'server/queryquill');
    await page.getByRole('button', { name: 'Hold open the breaker of whoami' }).click(LONG);
    await page.getByRole('dialog').getByText('A tool’s calls are refused with an error').waitFor(LONG);
    await confirm(page, 'Hold open');
    await page
      .getByRole('row', { name: /^whoami/ })
      .getByText('forced-open')
      .waitFor(LONG);
    await waitFor(async () => !(await isAnswered()), { what: 'calls are refused' });
    await page.getByRole('button', { name: 'Reset the breaker of whoami' }).click(LONG);
    await confirm(page, 'Reset');
    await waitFor(isAnswered, { what: 'calls go through' });
    t.regex(await whoDid(page, 'breaker.force-open'), /queryquill tool whoami: force-open \(by Ada, console\)/);
    t.regex(await whoDid(page, 'breaker.reset'), /\(by Ada, console\)/);
    t.deepEqual(complaints, []);
  },
};
