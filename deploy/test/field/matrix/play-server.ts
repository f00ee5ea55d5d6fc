import { isDeepStrictEqual } from 'node:util';
import { alternatingFetch } from '../../clients/alternating-fetch.ts';
import { connectClient } from '../../clients/connect-client.ts';
import type { McpClient } from '../../clients/mcp-client.ts';
import { holdfast } from '../../e2e/holdfast-command.ts';
import type { Mesh } from '../../mesh/start-mesh.ts';
import { waitFor } from '../../mesh/wait-for.ts';
import type { ForeignServer } from '../servers/foreign-servers.ts';
import { wordIf } from '../scene.ts';

/** The server's name in the mesh's configuration. */
export const SERVER = 'foreign';
const SESSIONS = 6;
const SAME = 'same as direct';
const ALL_ANSWERED = 'all answered';

/** What a step of the matrix must show. */
export const STEPS = {
  start: SAME,
  call: SAME,
  stream: SAME,
  kill: ALL_ANSWERED,
  drain: ALL_ANSWERED,
  upgrade: ALL_ANSWERED,
} as const;
export type Step = keyof typeof STEPS;

export interface Stage {
  mesh: Mesh;
  server: ForeignServer;
}

const connect = ({ mesh, server }: Stage, url = mesh.url(SERVER)): Promise<McpClient> =>
  connectClient({
    kind: server.client,
    url,
    timeoutMs: 60_000,
    ...(url === mesh.url(SERVER) && { fetch: alternatingFetch(mesh.gateways.map((one) => one.url)) }),
  });

const outcomeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.catch((error: Error & { code?: unknown }) => ({ code: error.code, message: error.message }));

/** What a client sees of a step without the mesh and through it. */
async function bothWays(stage: Stage, look: (client: McpClient) => Promise<unknown>): Promise<string> {
  const [first] = stage.mesh.replicasOf(SERVER);
  const direct = new URL(stage.server.path ?? '/mcp', first?.url).href;
  const seen: unknown[] = [];
  for (const url of [direct, stage.mesh.url(SERVER)]) {
    const client = await connect(stage, url);
    seen.push(await look(client));
    await client.terminate().catch(() => client.close());
  }
  return wordIf(SAME, isDeepStrictEqual(seen[0], seen[1]), { direct: seen[0], mesh: seen[1] });
}

async function start(client: McpClient): Promise<unknown> {
  return {
    revision: client.protocolVersion,
    hasSession: client.sessionId !== undefined,
    tools: await outcomeOf(client.listTools()),
    resources: await outcomeOf(client.listResources()),
    prompts: await outcomeOf(client.listPrompts()),
  };
}

/** Names of replicas are answers of some tools: they differ, and that is right. */
const withoutNames = (value: unknown): unknown =>
  JSON.parse((JSON.stringify(value) ?? 'null').replaceAll(/foreign(-next)?-\d/g, 'foreign-n')) as unknown;

async function call(client: McpClient, { quick }: ForeignServer): Promise<unknown> {
  // One that it does not know: servers in Go name several in any order.
  const wrong = { ...Object.fromEntries(Object.keys(quick[1] ?? {}).map((name) => [name, 5])), unknown: true };
  return withoutNames([
    await outcomeOf(client.callTool(...quick)),
    await outcomeOf(client.callTool('no-such-tool', {})),
    await outcomeOf(client.callTool(quick[0], wrong)),
    await outcomeOf(client.readResource('no://such/resource')),
  ]);
}

async function stream(client: McpClient, { progress }: ForeignServer): Promise<unknown> {
  if (progress === undefined) return outcomeOf(client.ping());
  const steps: number[] = [];
  // The last one may come together with the answer: official clients drop it then.
  const answer = await outcomeOf(client.callTool(...progress, { onProgress: (one) => steps.push(one.progress) }));
  return [steps.slice(0, 2), withoutNames(answer)];
}

/** Sessions that go on whatever happens: each has a call in flight, where the server has one that takes a while, then one more call. */
async function goesOn(stage: Stage, happen: () => Promise<unknown>): Promise<string> {
  const { server } = stage;
  const clients = await Promise.all(Array.from({ length: SESSIONS }, () => connect(stage)));
  try {
    const ids = clients.map((client) => client.sessionId);
    const ask = () =>
      Promise.all(
        clients.map(async (client) => {
          const tool = server.slow ?? server.quick;
          const { isError, text } = await client.callTool(...tool);
          return isError ? [text] : [];
        }),
      );
    const failures: string[] = [];
    const hear = async (work: Promise<string[][]>): Promise<void> => {
      const heard = await work.catch((error: Error) => [[error.message]]);
      failures.push(...heard.flat());
    };
    await hear(ask());
    const happening = happen();
    if (server.slow !== undefined) await hear(ask());
    await happening;
    await hear(ask());
    if (
      !isDeepStrictEqual(
        ids,
        clients.map((client) => client.sessionId),
      )
    )
      failures.push('a session has another id');
    return wordIf(ALL_ANSWERED, failures.length === 0, failures.join('; '));
  } finally {
    await Promise.all(clients.map((client) => client.close().catch(() => undefined)));
  }
}

async function run(mesh: Mesh, ...args: string[]): Promise<string> {
  const { code, out, err } = await holdfast(mesh.controlPlane.adminUrl, ...args);
  if (code !== 0) throw new Error(`holdfast ${args.join(' ')}: ${err || out}`);
  return out;
}

async function kill(stage: Stage): Promise<string> {
  const [first] = stage.mesh.replicasOf(SERVER);
  if (first === undefined) throw new Error('no replica');
  // By then the calls are at their replicas.
  const seen = await goesOn(stage, async () => {
    await new Promise((later) => setTimeout(later, 500));
    await first.process.kill();
  });
  await first.process.start();
  await stage.mesh.settled();
  return seen;
}

async function drain(stage: Stage): Promise<string> {
  const { mesh } = stage;
  try {
    return await goesOn(stage, () => run(mesh, 'drain', `${SERVER}-1`, '--deadline', '60s'));
  } finally {
    await run(mesh, 'undrain', `${SERVER}-1`);
    await mesh.settled();
  }
}

/** The operator's way: new sessions move to the next backend, then the old one is drained and ends. */
async function upgrade(stage: Stage): Promise<string> {
  const { mesh } = stage;
  const analysis = ['--interval', '1s', '--step', '1s', '--min-sessions', '0', '--min-calls', '1000000'];
  const rollout = ['rollout', 'start', SERVER, '--from', 'stable', '--to', 'next', '--strategy', 'blue-green'];
  // Nobody lists the tools of a server that speaks HTTP+SSE alone.
  const contract = stage.server.client === 'v1-sse' ? ['--contract', 'off'] : [];
  return goesOn(stage, async () => {
    await run(mesh, ...rollout, ...analysis, ...contract, '--wait');
    await run(mesh, 'drain', '--server', SERVER, '--backend', 'stable', '--deadline', '60s');
    const old = mesh.replicasOf(SERVER).filter(({ backend }) => backend === 'stable');
    await Promise.all(old.map(({ process }) => process.stop()));
    await waitFor(async () => (await run(mesh, 'replicas', '--server', SERVER)).includes('unhealthy'), {
      what: 'the old replicas are seen as gone',
    });
  });
}

/** What was seen at a step; `STEPS` has what it must be. */
export function playStep(stage: Stage, step: Step): Promise<string> {
  switch (step) {
    case 'start':
      return bothWays(stage, start);
    case 'call':
      return bothWays(stage, (client) => call(client, stage.server));
    case 'stream':
      return bothWays(stage, (client) => stream(client, stage.server));
    case 'kill':
      return kill(stage);
    case 'drain':
      return drain(stage);
    case 'upgrade':
      return upgrade(stage);
  }
}
