import { sessionDigest } from '../../../../proto/session-record.ts';
import { connectClient } from '../../clients/connect-client.ts';
import { LONG, open, type Scene } from './scene.ts';

export const story: Scene = {
  title: 'a session’s story: where it began, why it moved and how long that took, and its end',
  async play(t, stage) {
    const { mesh } = stage;
    const session = await connectClient({ kind: 'v1', url: mesh.url('queryquill'), timeoutMs: 20_000 });
    const digest = sessionDigest(session.sessionId ?? '');
    const { replica } = (await session.callTool('whoami')).data as { replica: { name: string } };
    const victim = mesh.replicas.find(({ name }) => name === replica.name);
    await victim?.process.kill();
    await session.callTool('whoami');
    const { page, complaints } = await open(t, stage, 'sessions');
    await page.getByLabel('Digest').fill(digest.slice(0, 12));
    await page.getByRole('button', { name: 'Find' }).click();
    const rows = page.getByRole('row').filter({ has: page.locator('code') });
    await rows.getByRole('link', { name: digest.slice(0, 12) }).click(LONG);
    const told = page.locator('.story li');
    await told.nth(1).waitFor(LONG);
    t.regex((await told.nth(0).textContent()) ?? '', new RegExp(`began on ${replica.name} \\(slot`));
    t.regex(
      (await told.nth(1).textContent()) ?? '',
      new RegExp(
        `moved from ${replica.name} \\(slot \\w+\\) to queryquill-\\S+ \\(slot \\w+\\): .*; it took [\\d.]+ m?s$`,
      ),
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
};
