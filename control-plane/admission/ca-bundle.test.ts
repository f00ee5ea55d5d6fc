import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { waitFor } from '../../deploy/test/mesh/wait-for.ts';
import { kubernetesSchema, type InjectionConfig } from '../config/kubernetes-schema.ts';
import { keepCaBundle } from './ca-bundle.ts';

const CONFIG = kubernetesSchema.parse({ injection: {} }).injection as InjectionConfig;

test('the leader writes the authority where another or none stands, and says why it can’t', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-ca-bundle-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const caFile = join(folder, 'ca.crt');
  await writeFile(caFile, 'authority');
  const wanted = Buffer.from('authority').toString('base64');
  const world = {
    bundles: [undefined, 'other', wanted] as Array<string | undefined>,
    patches: [] as object[][],
    isLeader: false,
    isAway: true,
  };
  const said: unknown[] = [];
  const keeper = keepCaBundle({
    config: () => CONFIG,
    caFile,
    isLeader: () => world.isLeader,
    log: { info: () => {}, warn: (about: unknown) => said.push(about) } as never,
    everyMs: 5,
    open: async () => ({
      async read() {
        if (world.isAway) throw Object.assign(new Error('x'), { code: 403, body: '{"message":"may not get it"}' });
        return { bundles: world.bundles, resourceVersion: '7' };
      },
      async patch(operations) {
        world.patches.push(operations);
        world.bundles = [wanted, wanted, wanted];
      },
    }),
  });
  t.teardown(() => keeper.stop());
  t.is(keeper.problem(), null, 'a follower leaves it alone');
  world.isLeader = true;
  await waitFor(
    () => /holdfast-inject: the API server answered HTTP 403: may not get it/.test(keeper.problem() ?? ''),
    {
      what: 'why it can’t',
    },
  );
  world.isAway = false;
  await waitFor(() => world.patches.length > 0 && keeper.problem() === null, { what: 'a patch' });
  t.deepEqual(world.patches, [
    [
      { op: 'test', path: '/metadata/resourceVersion', value: '7' },
      { op: 'add', path: '/webhooks/0/clientConfig/caBundle', value: wanted },
      { op: 'add', path: '/webhooks/1/clientConfig/caBundle', value: wanted },
    ],
  ]);
  t.is(said.length, 1, 'one line, however often it fails');
});
