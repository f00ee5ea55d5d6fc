import test from 'ava';
import type { ExecutionContext } from 'ava';
import { alternatingFetch } from '../clients/alternating-fetch.ts';
import { MODERN_VERSION, modernMeta, modernRequest } from '../clients/modern-request.ts';
import { startMesh } from '../mesh/start-mesh.ts';
import type { Mesh } from '../mesh/start-mesh.ts';
import { waitFor } from '../mesh/wait-for.ts';
import { converse } from './conversations-2026.ts';

let mesh: Mesh;
const SERVER = 'fixture';
const url = (): string => mesh.url(SERVER);
const options = () => ({ fetch: alternatingFetch(mesh.gateways.map(({ url: gateway }) => gateway)) });

test.before(async (t) => {
  t.timeout(120_000);
  mesh = await startMesh({
    gateways: 2,
    servers: { [SERVER]: { replicas: 3, program: 'deploy/test/servers/fixture/main.ts', args: ['--sdk', 'v2'] } },
  });
});
test.after.always(() => mesh?.close());

/** A subscription to tool changes: what it heard so far. */
function listen(t: ExecutionContext): { heard: () => number; acknowledgements: () => number; isOver: () => boolean } {
  const leaving = new AbortController();
  let text = '',
    isOver = false;
  void (async () => {
    const answer = await fetch(url(), {
      method: 'POST',
      signal: leaving.signal,
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        'mcp-protocol-version': MODERN_VERSION,
        'mcp-method': 'subscriptions/listen',
      },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 'sub',
        method: 'subscriptions/listen',
        params: { notifications: { toolsListChanged: true }, _meta: modernMeta() },
      }),
    });
    const decoder = new TextDecoder();
    for await (const chunk of answer.body!) text += decoder.decode(chunk as Uint8Array, { stream: true });
  })()
    .catch(() => undefined)
    .finally(() => {
      isOver = true;
    });
  t.teardown(() => leaving.abort());
  const count = (what: string): number => text.split(what).length - 1;
  return {
    heard: () => count('notifications/tools/list_changed'),
    acknowledgements: () => count('subscriptions/acknowledged'),
    isOver: () => isOver,
  };
}

const change = () => modernRequest(url(), 'tools/call', { name: 'test_trigger_tool_change', arguments: {} }, options());

test.serial('a subscription hears what happens at any replica, also at one that came later', async (t) => {
  t.timeout(60_000);
  const stream = listen(t),
    rounds = 30;
  await waitFor(() => stream.acknowledgements() === 1, { what: 'the acknowledgement' });
  // It is acknowledged when most replicas have it; one that is slow follows.
  for (const { url: replica, name } of mesh.replicasOf(SERVER)) {
    await waitFor(
      async () => {
        const before = stream.heard();
        await modernRequest(replica, 'tools/call', { name: 'test_trigger_tool_change', arguments: {} });
        return waitFor(() => stream.heard() > before, { what: 'it is heard', timeoutMs: 5000 }).catch(() => false);
      },
      { what: `changes at ${name} are heard` },
    );
  }
  const heard = stream.heard();
  for (let i = 0; i < rounds; i += 1) t.is((await change()).error, null);
  await waitFor(() => stream.heard() === heard + rounds, { what: `${rounds} changes are heard` });
  const [first] = mesh.replicasOf(SERVER);
  await first!.process.kill();
  await first!.process.start();
  await mesh.settled();
  // The new incarnation is heard once the relay has opened its stream there. Until then its changes go unheard, as they
  // do before any subscription.
  await waitFor(
    async () => {
      const before = stream.heard();
      for (let i = 0; i < 12; i += 1) await change();
      return waitFor(() => stream.heard() - before >= 12, { what: '12 changes are heard', timeoutMs: 2000 }).catch(
        () => false,
      );
    },
    { what: 'every change is heard again' },
  );
  t.deepEqual([stream.acknowledgements(), stream.isOver()], [1, false]);
});

test.serial('when its holder has died, a task and a requestState are refused with -32602, at once', async (t) => {
  t.timeout(60_000);
  const made = await Promise.all(
    Array.from({ length: 12 }, async () => {
      const { result } = await modernRequest(url(), 'tools/call', { name: 'confirm_delete', arguments: {} }, options());
      const asked = await modernRequest(
        url(),
        'tools/call',
        { name: 'test_input_required_result_request_state', arguments: {} },
        options(),
      );
      return { taskId: String(result!.taskId), requestState: String(asked.result!.requestState) };
    }),
  );
  for (const replica of mesh.replicasOf(SERVER)) {
    await replica.process.kill();
    await replica.process.start();
    await mesh.settled();
  }
  for (const { taskId, requestState } of made) {
    const got = await modernRequest(url(), 'tasks/get', { taskId }, options());
    const retried = await modernRequest(
      url(),
      'tools/call',
      {
        name: 'test_input_required_result_request_state',
        arguments: {},
        requestState,
        inputResponses: { confirm: { action: 'accept', content: { ok: true } } },
      },
      options(),
    );
    t.deepEqual([got.error?.code, retried.error?.code], [-32602, -32602]);
  }
});

test.serial('without Redis 200 conversations find their replicas all the same', async (t) => {
  t.timeout(120_000);
  await mesh.redis!.process.kill();
  const wrong = await converse(mesh, SERVER, 200);
  t.deepEqual([wrong.length, wrong.slice(0, 5)], [0, []]);
});
