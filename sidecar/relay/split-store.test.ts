import test from 'ava';
import { waitFor } from '../../deploy/test/mesh/wait-for.ts';
import { fakeFleet } from './testing/fake-fleet.ts';
import type { RelayRig } from './testing/relay-rig.ts';

test('two gateways cut from each other each rebuild a session; after the partition one upstream session is left and both follow it', async (t) => {
  const { fleet, replicas } = await fakeFleet(t, {}, ['a', 'b', 'c']);
  const partition = { isCut: false };
  const [one, two] = await Promise.all([fleet.gateway('gateway-1'), fleet.gateway('gateway-2', partition)]);
  t.teardown(() => Promise.all([one.close(), two.close()]));
  const post = (gateway: RelayRig, message: unknown, session?: string) =>
    gateway.post(JSON.stringify(message), { ...(session !== undefined && { 'x-holdfast-session': session }) });
  const list = { jsonrpc: '2.0', id: 1, method: 'tools/list' };
  const sessions: string[] = [];
  for (let i = 0; i < 12; i++)
    sessions.push(
      (await post(one, { jsonrpc: '2.0', id: 0, method: 'initialize', params: {} })).headers.get('mcp-session-id')!,
    );
  // the second gateway knows them all: each is amended through it once
  for (const session of sessions)
    t.is(
      (await post(two, { jsonrpc: '2.0', id: 1, method: 'logging/setLevel', params: { level: 'info' } }, session))
        .status,
      200,
    );
  await waitFor(() => two.directory.sizes.cached === 12, { what: 'the second gateway knows the sessions' });
  const end = new AbortController();
  t.teardown(() => end.abort());
  for (const [index, session] of sessions.entries()) {
    void fetch((index % 2 ? one : two).url, {
      headers: { ...one.headers, accept: 'text/event-stream', 'x-holdfast-session': session },
      signal: end.signal,
    })
      .then((answer) => answer.text())
      .catch(() => undefined);
  }
  await waitFor(
    () => replicas.reduce((sum, { seen }) => sum + seen.filter(({ method }) => method === 'GET').length, 0) === 12,
    { what: 'every session has a stream' },
  );
  partition.isCut = true;
  const [victim, ...others] = replicas as [(typeof replicas)[0], ...typeof replicas];
  await victim.kill();
  for (const session of sessions) {
    const both = await Promise.all([post(one, list, session), post(two, list, session)]);
    t.deepEqual(
      both.map(({ status }) => status),
      [200, 200],
    );
  }
  const alive = () => others.reduce((sum, { sessions: held }) => sum + held.size, 0);
  t.true(alive() > 12, 'both rebuilt the sessions of the dead replica');
  partition.isCut = false;
  await waitFor(() => alive() === 12, { what: 'one upstream session each' });
  for (const session of sessions)
    for (const gateway of [one, two]) t.is((await post(gateway, list, session)).status, 200);
  t.is(alive(), 12);
  t.true(
    Math.max(await one.metric('mcp_session_recoveries_total'), await two.metric('mcp_session_recoveries_total')) <= 24,
    'nobody rebuilt what was not lost',
  );
});
