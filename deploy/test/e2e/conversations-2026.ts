import { alternatingFetch } from '../clients/alternating-fetch.ts';
import { connectClient } from '../clients/connect-client.ts';
import { modernRequest } from '../clients/modern-request.ts';
import type { Mesh } from '../mesh/start-mesh.ts';
import { waitFor } from '../mesh/wait-for.ts';

const alternating = (mesh: Mesh) => alternatingFetch(mesh.gateways.map(({ url }) => url));
const accept = (content: Record<string, unknown>) => ({ action: 'accept', content });

/** One conversation, each request entering by the other gateway; gives what is wrong with it, or null. */
type Round = (mesh: Mesh, server: string) => Promise<string | null>;

const requestState: Round = async (mesh, server) => {
  const options = { fetch: alternating(mesh) };
  const asked = await modernRequest(
    mesh.url(server),
    'tools/call',
    { name: 'test_input_required_result_request_state', arguments: {} },
    options,
  );
  const state = asked.result?.requestState;
  if (typeof state !== 'string') return `no state: ${JSON.stringify(asked)}`;
  const answer = await modernRequest(
    mesh.url(server),
    'tools/call',
    {
      name: 'test_input_required_result_request_state',
      arguments: {},
      requestState: state,
      inputResponses: { confirm: accept({ ok: true }) },
    },
    options,
  );
  return JSON.stringify(answer.result ?? {}).includes('state-ok') ? null : JSON.stringify(answer);
};

const multiRound: Round = async (mesh, server) => {
  const client = await connectClient({
    kind: 'v2-modern',
    url: mesh.url(server),
    fetch: alternating(mesh),
    handlers: { elicitation: () => ({ action: 'accept', content: { name: 'Ada', color: 'red' } }) },
  });
  try {
    const { text } = await client.callTool('test_input_required_result_multi_round');
    return text === 'Ada likes red' ? null : text;
  } finally {
    await client.close();
  }
};

const task: Round = async (mesh, server) => {
  const options = { fetch: alternating(mesh) };
  const created = await modernRequest(
    mesh.url(server),
    'tools/call',
    { name: 'confirm_delete', arguments: { filename: 'x' } },
    options,
  );
  const taskId = created.result?.taskId;
  if (typeof taskId !== 'string') return `no task: ${JSON.stringify(created)}`;
  const parked = await modernRequest(mesh.url(server), 'tasks/get', { taskId }, options);
  if (parked.result?.status !== 'input_required') return `not parked: ${JSON.stringify(parked)}`;
  const updated = await modernRequest(
    mesh.url(server),
    'tasks/update',
    { taskId, inputResponses: { confirm: accept({ confirm: true }) } },
    options,
  );
  if (updated.error) return `not updated: ${JSON.stringify(updated)}`;
  const done = await waitFor(
    async () => {
      const { result, error } = await modernRequest(mesh.url(server), 'tasks/get', { taskId }, options);
      return error ? JSON.stringify(error) : result?.status === 'completed' && 'completed';
    },
    { what: 'the task ends' },
  );
  return done === 'completed' ? null : done;
};

const cancelledTask: Round = async (mesh, server) => {
  const options = { fetch: alternating(mesh) };
  const { result } = await modernRequest(
    mesh.url(server),
    'tools/call',
    { name: 'multi_input', arguments: {} },
    options,
  );
  const taskId = String(result?.taskId);
  const cancelled = await modernRequest(mesh.url(server), 'tasks/cancel', { taskId }, options);
  const got = await modernRequest(mesh.url(server), 'tasks/get', { taskId }, options);
  return got.result?.status === 'cancelled' ? null : JSON.stringify([cancelled, got]);
};

const KINDS: Record<string, Round> = { requestState, multiRound, task, cancelledTask };

/** So many conversations of kinds chosen at random, some at a time; gives what was wrong. */
export async function converse(mesh: Mesh, server: string, rounds: number, atOnce = 8): Promise<string[]> {
  const names = Object.keys(KINDS),
    wrong: string[] = [];
  let left = rounds;
  const work = async (): Promise<void> => {
    while (left-- > 0) {
      const kind = names[Math.floor(Math.random() * names.length)]!;
      const problem = await KINDS[kind]!(mesh, server).catch((error: unknown) => String(error));
      if (problem !== null) wrong.push(`${kind}: ${problem}`);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return wrong;
}
