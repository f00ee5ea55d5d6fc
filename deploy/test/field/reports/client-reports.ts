import { RPC_ERROR } from '../../../../proto/rpc-error.ts';
import { connectAny, OFFICIAL_CLIENTS, type OfficialKind } from '../../clients/foreign/connect-any.ts';
import type { Heard, LineClient } from '../../clients/foreign/line-client.ts';
import { startMesh, type Mesh } from '../../mesh/start-mesh.ts';
import { waitFor } from '../../mesh/wait-for.ts';
import { wordIf, type Scene } from '../scene.ts';

const program = 'deploy/test/servers/linear/main.ts';
const TIMEOUT_SECONDS = 30;
/** So many that each replica has some. */
const CALLS = 8;
const WORK = { durationMs: 3000, steps: 3 };
const LIVES = 'errors with a code, and the session lives';
const ANSWERED = 'all answered';
const TYPED = 'typed errors at once';

const codeOf = (heard: Heard): number | null => ('error' in heard ? heard.error.code : null);

async function withClient(kind: OfficialKind, url: string, play: (client: LineClient) => Promise<string>) {
  const client = await connectAny(kind, { url, timeoutSeconds: TIMEOUT_SECONDS });
  if (typeof client === 'string') return client;
  return play(client).finally(() => client.close());
}

/** Calls beyond the user's limit: each one is an error of its own, and nothing of the client breaks. */
const limited = async (client: LineClient) => {
  const heard: Heard[] = [];
  // The clients share an address, and so the limit: whoever was before has used it up.
  const asked = async (): Promise<boolean> => 'result' in (await client.call('whoami'));
  await waitFor(asked, { what: 'the limit is over', everyMs: 500 });
  for (let call = 0; call < CALLS; call++) heard.push(await client.call('whoami'));
  const codes = heard.slice(-2).map(codeOf);
  const isTold = codes.every((code) => code === RPC_ERROR.overload);
  if (!isTold) return JSON.stringify(heard.at(-1));
  await waitFor(asked, { what: 'an answer', everyMs: 500 });
  return LIVES;
};

const requestsOf = async (mesh: Mesh): Promise<number> => {
  const all = mesh.replicasOf('stateless').map(async ({ url }) => {
    const stats = (await (await fetch(new URL('/__stats', url))).json()) as { requests: number };
    return stats.requests;
  });
  return (await Promise.all(all)).reduce((sum, each) => sum + each, 0);
};

/** A replica of a server without sessions is killed under calls. */
const killed = (mesh: Mesh, tool: 'watch' | 'work') => async (client: LineClient) => {
  const before = await requestsOf(mesh);
  const beganMs = performance.now();
  const calls = Array.from({ length: CALLS }, () => client.call(tool, WORK));
  await waitFor(async () => (await requestsOf(mesh)) >= before + CALLS, { what: 'all calls to work' });
  await mesh.replicasOf('stateless')[0]?.process.restart('SIGKILL');
  const heard = await Promise.all(calls);
  const seconds = (performance.now() - beganMs) / 1000;
  await mesh.settled();
  const errors = heard.filter((each) => 'error' in each);
  if (tool === 'watch') return wordIf(ANSWERED, errors.length === 0, errors[0]);
  const isTyped = errors.length > 0 && errors.every((each) => codeOf(each) === RPC_ERROR.replicaLost);
  return wordIf(TYPED, isTyped && seconds < TIMEOUT_SECONDS / 2, { seconds, errors });
};

/** Reports of users of each official client. */
export const CLIENT_REPORTS: Scene = {
  section: 'reports',
  name: 'official clients',
  packages: [],
  async play(trial) {
    await using mesh = await startMesh({
      servers: {
        limited: {
          program,
          replicas: 1,
          settings: { fleetLimits: [{ name: 'few', requests: 5, perMs: 10_000, burst: 5 }] },
        },
        stateless: { program, replicas: 2, args: ['--stateless'], settings: { trustAnnotations: true } },
      },
    });
    for (const [kind, client] of Object.entries(OFFICIAL_CLIENTS) as Array<[OfficialKind, string]>) {
      const line = (id: string, server: string, expected: string, play: (client: LineClient) => Promise<string>) =>
        trial({ id, client, server, expected }, () => withClient(kind, mesh.url(server), play));
      await line('F1', 'limited', LIVES, limited);
      await line('F2', 'stateless', ANSWERED, killed(mesh, 'watch'));
      await line('F2', 'stateless', TYPED, killed(mesh, 'work'));
    }
  },
};
