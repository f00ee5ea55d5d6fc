import { readFile, writeFile } from 'node:fs/promises';
import { waitFor } from '../../mesh/wait-for.ts';
import { confirm, LONG, open, whoDid, type Scene } from './scene.ts';

export const badConfiguration: Scene = {
  title: 'a bad configuration is shown with its problem, and the last good one stays',
  async play(t, stage) {
    const { mesh } = stage;
    const { page, complaints } = await open(t, stage, 'configuration');
    await page.getByText('in force', { exact: true }).waitFor(LONG);
    await writeFile(mesh.configFile, 'port: many\nservers: []\n');
    await page.getByText('Not in force').waitFor(LONG);
    await page.locator('.finding code').first().waitFor(LONG);
    t.regex((await page.locator('.findings').textContent()) ?? '', /port/);
    await mesh.writeConfig();
    await page.getByText('Not in force').waitFor({ ...LONG, state: 'detached' });
    t.deepEqual(complaints, []);
  },
};

export const rollBack: Scene = {
  title: 'a former configuration is put in place again, and its change is gone',
  async play(t, stage) {
    const { mesh } = stage;
    const before = await readFile(mesh.configFile, 'utf8');
    const { page, complaints } = await open(t, stage, 'configuration');
    const newest = page.getByRole('row').filter({ hasText: 'in force' }).getByRole('rowheader');
    await newest.waitFor(LONG);
    const version = Number.parseInt((await newest.textContent()) ?? '', 10);
    await mesh.writeConfig(({ servers: [server] }) => {
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
    await mesh.writeConfig(({ servers: [server] }) => {
      if (server) delete server['logSuccessSample'];
    });
  },
};
