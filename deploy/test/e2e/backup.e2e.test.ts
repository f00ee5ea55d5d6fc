import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { connectClient } from '../clients/connect-client.ts';
import type { Fetch } from '../clients/mcp-client.ts';
import { startMesh, type Mesh } from '../mesh/start-mesh.ts';
import { redisAnswer, startRedis } from '../mesh/start-redis.ts';
import { temporaryFolder } from '../mesh/temporary-folder.ts';
import { waitFor } from '../mesh/wait-for.ts';
import { homeNameOf } from './home-of.ts';

const BIN = fileURLToPath(new URL('../../../control-plane/cli/bin.js', import.meta.url));
const SESSIONS = 8;
const servers = { linear: { replicas: 2, settings: { trustAnnotations: true } } };

const holdfast = (redisUrl: string, ...args: string[]): Promise<string> =>
  new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [BIN, ...args],
      { env: { ...process.env, SESSION_STORE_URL: redisUrl } },
      (error, out, err) => {
        if (error) reject(new Error(err));
        else resolve(out);
      },
    );
  });

/** Clients of one address behind which the mesh is replaced. */
async function clientsOf(t: ExecutionContext, first: Mesh) {
  let origin = first.gateways[0]!.url;
  const toPresent: Fetch = (url, init) => {
    const { pathname, search } = new URL(url);
    return fetch(new URL(pathname + search, origin), init);
  };
  const clients = await Promise.all(
    Array.from({ length: SESSIONS }, () => connectClient({ kind: 'v1', url: first.url('linear'), fetch: toPresent })),
  );
  t.teardown(() => Promise.all(clients.map((client) => client.close().catch(() => undefined))).then(() => undefined));
  await Promise.all(clients.map((client) => client.setLogLevel('warning')));
  return {
    clients,
    moveTo: (mesh: Mesh) => {
      origin = mesh.gateways[0]!.url;
    },
    open: () => connectClient({ kind: 'v1', url: first.url('linear'), fetch: toPresent }),
  };
}

test('a backup taken under load brings every session back after everything was destroyed', async (t) => {
  const folder = await temporaryFolder();
  t.teardown(() => rm(folder.path, { recursive: true, force: true }));
  const first = await startMesh({ gateways: 1, servers });
  t.teardown(first.close);
  const { clients, moveTo } = await clientsOf(t, first);
  let isLoaded = true,
    calls = 0;
  const load = Promise.all(
    clients.map(async (client) => {
      while (isLoaded) {
        await client.callTool('whoami');
        calls++;
      }
    }),
  );
  await waitFor(() => calls > 50, { what: 'load' });
  const { path, sessions } = JSON.parse(
    await holdfast(first.redis!.url, '--json', 'backup', 'create', '--to', folder.path),
  ) as { path: string; sessions: number };
  isLoaded = false;
  await load;
  t.is(sessions, SESSIONS);
  await first.close();

  const redis = await startRedis();
  t.teardown(redis.close);
  t.regex(await holdfast(redis.url, 'backup', 'restore', path), /keys of .* are back/);
  const second = await startMesh({ gateways: 1, servers, redis: { url: redis.url } });
  t.teardown(second.close);
  moveTo(second);
  const homes = await Promise.all(clients.map(homeNameOf));
  t.is(homes.length, SESSIONS);
});

test('sessions of a region that was destroyed go on in another, whose Redis had copied its', async (t) => {
  const first = await startMesh({ gateways: 1, servers });
  t.teardown(first.close);
  const copy = await startRedis({ replicaOf: first.redis!.port });
  t.teardown(copy.close);
  const { clients, moveTo, open } = await clientsOf(t, first);
  await waitFor(
    async () => /connected, last heard/.test(await holdfast(copy.url, 'region', 'status').catch(() => '')),
    { what: 'the copy' },
  );
  // Whatever was written by now is there as well.
  const offset = async (pattern: RegExp): Promise<number> =>
    Number(pattern.exec(await redisAnswer(first.redis!.port, 'INFO replication'))?.[1]);
  const written = await offset(/master_repl_offset:(\d+)/);
  await waitFor(async () => (await offset(/slave0:.*?offset=(\d+)/)) >= written, {
    what: 'the copy has everything',
    everyMs: 100,
  });
  const last = await open();
  t.teardown(() => last.close().catch(() => undefined));
  await first.close();
  const { promoted, sessions, mostLostSeconds } = JSON.parse(
    await holdfast(copy.url, '--json', 'region', 'promote'),
  ) as { promoted: boolean; sessions: number; mostLostSeconds: number };
  t.log(`${sessions} sessions; at most the last ${mostLostSeconds} s of region A may be missing`);
  t.true(promoted);
  const second = await startMesh({ gateways: 1, servers, redis: { url: copy.url } });
  t.teardown(second.close);
  moveTo(second);
  t.is((await Promise.all(clients.map(homeNameOf))).length, SESSIONS);
  // A session opened in the last moment may be the one that was not copied yet; then its client is told so, at once.
  t.log(
    `the session opened right before the end ${await homeNameOf(last).then(
      () => 'goes on',
      () => 'was not copied',
    )}`,
  );
});
