import test from 'ava';
import { waitFor } from '../../../deploy/test/mesh/wait-for.ts';
import { fakeFleet } from '../testing/fake-fleet.ts';
import { sse } from '../testing/fake-replica.ts';

test('a replica that takes the GET and never answers is left for another one; when none answers, the client hears so', async (t) => {
  const { replicas, gateway } = await fakeFleet(t, { timeouts: { initializeMs: 200 } });
  const rig = await gateway();
  const isMute = [true, false, true, true];
  for (const replica of replicas)
    replica.answer = ({ method, headers, response }) => {
      if (method !== 'GET') return false;
      if (headers['mcp-protocol-version'] === undefined && !isMute.shift())
        sse(response, 'event: endpoint\ndata: /messages?s=1\n\n');
      return true;
    };
  const gone = new AbortController();
  t.teardown(() => gone.abort());
  const open = (headers: Record<string, string> = {}) =>
    fetch(rig.url, { headers: { ...rig.headers, accept: 'text/event-stream', ...headers }, signal: gone.signal });

  // Of a later revision: its server may begin the stream with the first event.
  const patient = { 'mcp-protocol-version': '2025-11-25' };
  open(patient).catch(() => undefined);
  const asked = () => replicas.flatMap(({ seen }) => seen).filter(({ headers }) => 'mcp-protocol-version' in headers);
  await waitFor(() => asked().length === 1, { what: 'the GET of a later revision' });
  t.is((await open()).status, 200);
  t.deepEqual(
    rig.reports.map(({ kind }) => kind),
    ['hanging'],
  );
  const refused = await open();
  t.is(refused.status, 503);
  t.regex(await refused.text(), /-31002/);
  t.is(asked().length, 1, 'after three times as long it still has its replica');
});
