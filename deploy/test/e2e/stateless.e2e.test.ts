import test from 'ava';
import { connectClient } from '../clients/connect-client.ts';
import { startMesh } from '../mesh/start-mesh.ts';
import { waitFor } from '../mesh/wait-for.ts';

/** So many that each replica has some. */
const CALLS = 16;
const WORK_MS = 4000;
/** Much less than the minute that an official client waits by itself. */
const SOON_MS = 25_000;

test('a stateless server’s calls are guarded: safe ones are answered by another replica, the others have their error at once', async (t) => {
  t.timeout(150_000);
  const linear = { replicas: 3, args: ['--stateless'], settings: { trustAnnotations: true } };
  await using mesh = await startMesh({ servers: { linear } });
  // Its tools are never listed here: what the probes heard of them counts.
  const client = await connectClient({ kind: 'v1', url: mesh.url('linear') });
  for (const tool of ['watch', 'work'] as const) {
    let begun = 0;
    const calls = Array.from({ length: CALLS }, () => {
      let isCounted = false;
      const onProgress = (): void => {
        if (!isCounted) begun += 1;
        isCounted = true;
      };
      return client.callTool(tool, { durationMs: WORK_MS, steps: 4 }, { onProgress, timeoutMs: SOON_MS }).then(
        ({ data }) => String(data['replica']),
        (error: Error & { code?: number }) => error,
      );
    });
    await waitFor(() => begun === CALLS, { what: 'all calls to work' });
    await mesh.replicas[0]!.process.restart('SIGKILL');
    const settled = await Promise.all(calls);
    const errors = settled.filter((each) => typeof each !== 'string');
    if (tool === 'watch') t.deepEqual(errors, []);
    else {
      t.true(errors.length > 0, 'the replica had some of them');
      t.deepEqual([...new Set(errors.map(({ code }) => code))], [-31001]);
    }
    await mesh.settled();
  }

  await mesh.gateways[0]!.sidecars[0]!.process.kill();
  for (let i = 0; i < 5; i += 1) {
    const other = await connectClient({ kind: 'v1', url: mesh.url('linear', 0) });
    t.truthy((await other.callTool('whoami')).data['replica'], 'a neighbour’s relay holds it');
  }
});
