import test from 'ava';
import { ownSessionFetch } from './own-session-fetch.ts';

test('an answer that carries another session id than its request fails, and no other', async (t) => {
  const answering = (id?: string) =>
    ownSessionFetch(async () => new Response('', { headers: id === undefined ? {} : { 'mcp-session-id': id } }));
  const headers = { 'mcp-session-id': 'mine' };
  await t.throwsAsync(answering('other')('http://mesh', { headers }), { message: /mine.*other/ });
  for (const id of ['mine', undefined]) await t.notThrowsAsync(answering(id)('http://mesh', { headers }));
  await t.notThrowsAsync(answering('new')('http://mesh'), 'initialize');
});
