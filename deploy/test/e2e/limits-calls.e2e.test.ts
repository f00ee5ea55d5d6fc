import { connect } from 'node:http2';
import test from 'ava';
import { RPC_ERROR } from '../../../proto/rpc-error.ts';
import { http2Post, type Http2Answer } from '../clients/http2-post.ts';
import { connectClient } from '../clients/connect-client.ts';
import { startMesh, type Mesh } from '../mesh/start-mesh.ts';
import { waitFor } from '../mesh/wait-for.ts';

/** One client's calls leave room for others'. */
let mesh: Mesh;

test.before(async (t) => {
  t.timeout(120_000);
  const program = 'deploy/test/servers/linear/main.ts';
  mesh = await startMesh({
    gateways: 1,
    // So that few connections carry many calls.
    config: (config) => {
      config['gateway'] = { ...(config['gateway'] as object | undefined), http2: true };
    },
    servers: {
      shared: {
        replicas: 1,
        program,
        settings: { limits: { callsPerSession: 0, callsPerClientPercent: 2 } },
      },
      guarded: { replicas: 1, program },
    },
  });
});
test.after.always(() => mesh?.close());

const waiting = (id: number): string =>
  JSON.stringify({
    jsonrpc: '2.0',
    id,
    method: 'tools/call',
    params: { name: 'wait', arguments: { durationMs: 60_000 } },
  });

/** Streams that Envoy takes on one connection. */
const STREAMS = 100;

/** Starts `count` calls of one session that wait; what was answered at once. */
function waitingCalls(server: string, session: string, count: number) {
  const url = new URL(mesh.url(server));
  const answers: Http2Answer[] = [];
  const connections = Array.from({ length: Math.ceil(count / STREAMS) }, () =>
    connect(url.origin).on('error', () => undefined),
  );
  for (let id = 0; id < count; id++) {
    const connection = connections[Math.floor(id / STREAMS)]!;
    void http2Post(connection, url.pathname, { 'mcp-session-id': session }, waiting(id)).then((answer) => {
      if (answer !== null) answers.push(answer);
    });
  }
  return {
    answers,
    close: () => {
      for (const each of connections) each.destroy();
    },
  };
}

for (const [server, passed, key] of [
  ['guarded', 256, 'callsPerSession'],
  ['shared', 81, 'callsPerClientPercent'],
] as const) {
  test.serial(
    `calls of one client that wait are refused beyond ${key}; other clients’ go on, and a place is free when one ends`,
    async (t) => {
      t.timeout(60_000);
      const [own, other] = await Promise.all([
        connectClient({ kind: 'v1', url: mesh.url(server) }),
        connectClient({ kind: 'v1', url: mesh.url('guarded') }),
      ]);
      const flood = waitingCalls(server, own.sessionId!, 600);
      await waitFor(() => flood.answers.length >= 600 - passed - 5, { what: 'the refusals', timeoutMs: 30_000 });
      for (const { status, body } of flood.answers) {
        // With the call's id: a 503 on a session would end Python's and Go's sessions with all their calls.
        t.is(status, 200);
        const { error } = JSON.parse(body) as { error: { code: number; message: string } };
        t.is(error.code, RPC_ERROR.overload);
        t.true(error.message.includes(`servers[${server}].limits.${key}`), body);
      }
      t.true(Math.abs(600 - flood.answers.length - passed) <= 5, `${flood.answers.length} refused`);
      if (server === 'guarded') t.is((await other.callTool('echo', { text: 'on' })).data.text, 'on');
      flood.close();
      await waitFor(async () => (await own.callTool('echo', { text: 'free' })).data.text === 'free', {
        what: 'a place to be free again',
        timeoutMs: 20_000,
      });
      await Promise.all([own.terminate(), other.terminate()]);
    },
  );
}
