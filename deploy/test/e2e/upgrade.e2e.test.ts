import { existsSync, readFileSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import { hostsOf, isChosen } from '../mesh/envoy-hosts.ts';
import type { MeshConfig } from '../mesh/mesh-options.ts';
import { REPOSITORY } from '../mesh/node-program.ts';
import { startMesh, type Mesh } from '../mesh/start-mesh.ts';
import { redisAnswer } from '../mesh/start-redis.ts';
import { waitFor } from '../mesh/wait-for.ts';
import { COMPACT_FIELD } from '../../../proto/compact-record.ts';
import { sessionDigest } from '../../../proto/session-record.ts';
import { REDIS, RESOURCE } from '../../../proto/wire.ts';
import { laterVersion, replace } from './later-version.ts';
import { SteadyLoad } from './steady-load.ts';

/** Versions N and N+1 of Holdfast in one mesh: `later` is N+1, a copy of these sources with another version of records and contracts. */
async function setting(t: ExecutionContext, options: Parameters<typeof startMesh>[0] = {}) {
  t.timeout(150_000);
  const later = await laterVersion();
  t.teardown(later.remove);
  const mesh = await startMesh({
    gateways: 2,
    controlPlanes: 2,
    servers: { linear: { replicas: 3, settings: { trustAnnotations: true } } },
    ...options,
  });
  t.teardown(mesh.close);
  const standIns = async (isThere: boolean): Promise<unknown> =>
    waitFor(
      async () => {
        const counts = await Promise.all(
          mesh.gateways.map(
            async ({ envoy }) =>
              [...((await hostsOf(envoy.adminUrl)).get(RESOURCE.sidecarCluster)?.values() ?? [])].filter(
                (health) => health === 'HEALTHY',
              ).length,
          ),
        );
        return isThere ? counts.every((count) => count === 1) : counts.some((count) => count === 0);
      },
      { what: isThere ? 'the gateways stand in for each other' : 'the gateway that ends is no stand-in' },
    );
  const become = (slot: { process: Mesh['controlPlane']['process'] }, folder: string): Promise<void> =>
    replace(slot, folder, (process) => t.teardown(() => process.kill()));
  /** As an operator would: the next one only when this one stands in for its neighbour again. */
  const becomeSidecar = async (gateway: number, folder: string): Promise<void> => {
    const slot = mesh.gateways[gateway]!.sidecars[0]!;
    await slot.process.stop();
    await standIns(false);
    await become(slot, folder);
    await standIns(true);
  };
  /** As deploy/compose/run-envoy.sh and a pod's preStop do it: the edge is told first, then sidecar and Envoy end and the other version's come. */
  const becomeGateway = async (gateway: number, folder: string): Promise<void> => {
    const {
        url,
        envoy,
        sidecars: [slot],
      } = mesh.gateways[gateway]!,
      { host } = new URL(url);
    const isUsed = (): Promise<boolean> => isChosen(mesh.edges[0]!.envoy.adminUrl, host);
    const tokenFile = slot!.socket.replace(/\.sock$/, '.drain-token');
    // A former version wrote none, and asked for none.
    const token = existsSync(tokenFile) ? readFileSync(tokenFile, 'utf8') : '';
    await fetch(`${slot!.adminUrl}/drain`, { method: 'POST', headers: { authorization: `Bearer ${token}` } });
    await fetch(`${envoy.adminUrl}/healthcheck/fail`, { method: 'POST' });
    await waitFor(async () => !(await isUsed()), { what: 'the edge turns away from the gateway' });
    await slot!.process.stop();
    await envoy.process.stop();
    await Promise.all([become(slot!, folder), envoy.process.start()]);
    await waitFor(isUsed, { what: 'the edge uses the gateway again' });
    await standIns(true);
  };
  /** A session without a GET stream, on which the gateway that holds it would notice the end of a replica by itself. */
  const open = (gateway: number, version: '1' | '3'): Promise<string> =>
    waitFor(
      async () => {
        const response = await post(mesh, gateway, null, 'initialize', {
          protocolVersion: '2025-11-25',
          capabilities: {},
          clientInfo: { name: 'test', version: '1' },
        });
        const session = response.headers['mcp-session-id']!;
        await post(mesh, gateway, session, 'notifications/initialized');
        // For a moment after its own sidecar came back an Envoy may still ask the neighbour's, which is of the other version.
        return (await stored(mesh, session)).version === version && session;
      },
      { what: `a record of version ${version}`, everyMs: 200 },
    );
  return { mesh, later: later.path, become, becomeSidecar, becomeGateway, open };
}

const records =
  (form: 'plain' | 'compact') =>
  (config: MeshConfig): void => {
    config['sessionStore'] = { ...(config['sessionStore'] as object), records: form };
  };

interface Answer {
  status: number;
  headers: Record<string, string>;
  text: string;
}

async function post(
  mesh: Mesh,
  gateway: number,
  session: string | null,
  method: string,
  params: object = {},
): Promise<Answer> {
  const response = await fetch(`${mesh.gateways[gateway]!.url}/mcp/linear`, {
    method: 'POST',
    body: JSON.stringify({ jsonrpc: '2.0', ...(method.startsWith('notifications/') ? {} : { id: 1 }), method, params }),
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(session !== null && { 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' }),
    },
  });
  return { status: response.status, headers: Object.fromEntries(response.headers), text: await response.text() };
}

const call = (mesh: Mesh, gateway: number, session: string): Promise<Answer> =>
  post(mesh, gateway, session, 'tools/call', { name: 'whoami', arguments: {} });
const killHome = async (mesh: Mesh, gateway: number, session: string): Promise<void> => {
  const home = /linear-\d/.exec((await call(mesh, gateway, session)).text)![0];
  await mesh.replicas.find(({ name }) => name === home)!.process.kill();
};

/** The record as Redis has it: all of a plain one, or what a compact one has beside the usual. */
async function stored(mesh: Mesh, session: string): Promise<{ version: string; text: string }> {
  const ask = async (field: string): Promise<string> =>
    /^\$\d+\r\n([^\r]*)/.exec(
      await redisAnswer(mesh.redis!.port, `HGET ${REDIS.session('linear', sessionDigest(session))} ${field}`),
    )?.[1] ?? 'none';
  const version = await ask('version');
  return { version, text: `${await ask('record')} ${await ask(COMPACT_FIELD.more)}` };
}

test.serial(
  'side by side: sessions made by one version are used and rebuilt by the other, and what N+1 wrote N leaves as it is',
  async (t) => {
    const { mesh, later, become, becomeSidecar, open } = await setting(t, { config: records('plain') });
    await becomeSidecar(1, later);
    await become(mesh.controlPlanes[1]!, later);
    const [ofOld, ofNew] = [await open(0, '1'), await open(1, '3')];
    for (const gateway of [0, 1])
      for (const session of [ofOld, ofNew]) t.is((await call(mesh, gateway, session)).status, 200);

    const before = await stored(mesh, ofNew);
    t.regex(before.text, /of the next version/);
    // What a client asks for through N would change the record: N must not.
    t.is((await post(mesh, 0, ofNew, 'logging/setLevel', { level: 'error' })).status, 200);
    t.deepEqual(await stored(mesh, ofNew), before);

    // The replica of a session of N dies, N+1 rebuilds it: from then on it is N+1's, and N goes on using it.
    await killHome(mesh, 0, ofOld);
    t.is((await call(mesh, 1, ofOld)).status, 200);
    await waitFor(async () => (await stored(mesh, ofOld)).version === '3', { what: 'the record is of N+1' });
    t.is((await call(mesh, 0, ofOld)).status, 200);

    // The replica of a session of N+1 dies, and N meets it first. N says that nothing was sent and leaves the record
    // alone. N+1 rebuilds it, and N goes on.
    await killHome(mesh, 1, ofNew);
    const was = await stored(mesh, ofNew);
    const refused = await call(mesh, 0, ofNew);
    t.regex(refused.text, /"outcome":"not_sent"/);
    t.not(refused.status, 404);
    t.deepEqual(await stored(mesh, ofNew), was);
    for (const gateway of [1, 0]) t.is((await call(mesh, gateway, ofNew)).status, 200);
  },
);

test.serial(
  'a rolling upgrade to N+1, to compact records and back again under load: no call fails, no session is lost',
  async (t) => {
    const { mesh, later, become, becomeGateway } = await setting(t, { edges: 1, config: records('plain') });
    const load = await new SteadyLoad({
      mesh,
      server: 'linear',
      sessions: 6,
      newEveryMs: 150,
      entries: [mesh.edges[0]!.url],
    }).start();
    t.teardown(() => load.stop());
    for (const folder of [later, REPOSITORY]) {
      for (const plane of mesh.controlPlanes) {
        await become(plane, folder);
        await load.round();
      }
      for (const gateway of [0, 1]) {
        await becomeGateway(gateway, folder);
        await load.round();
      }
      await mesh.writeConfig(records('compact'));
      await load.round();
    }
    const { calls, failures } = await load.stop();
    t.deepEqual(failures, []);
    t.true(calls > 100);
  },
);

test.serial(
  'back on N alone, a session of N+1 goes on; if its replica dies then, nothing is sent, deleted or rewritten until N+1 is back',
  async (t) => {
    const { mesh, later, becomeSidecar, open } = await setting(t);
    await becomeSidecar(1, later);
    const session = await open(1, '3');
    await becomeSidecar(1, REPOSITORY);
    for (const gateway of [0, 1]) t.is((await call(mesh, gateway, session)).status, 200);
    const before = await stored(mesh, session);
    await killHome(mesh, 0, session);
    for (const gateway of [0, 1]) {
      const { status, text } = await call(mesh, gateway, session);
      t.not(status, 404, 'official clients would give the session up');
      t.regex(text, /"outcome":"not_sent"/);
    }
    t.deepEqual(await stored(mesh, session), before);
    await becomeSidecar(1, later);
    // For a moment its Envoy may still ask the neighbour's, which is N.
    await waitFor(
      async () => {
        const { status, text } = await call(mesh, 1, session);
        if (status !== 200) t.regex(text, /"outcome":"not_sent"/);
        return status === 200;
      },
      { what: 'N+1 goes on with it' },
    );
    for (const gateway of [1, 0]) t.is((await call(mesh, gateway, session)).status, 200);
  },
);
