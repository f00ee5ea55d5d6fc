import { sessionDigest } from '../../../../proto/session-record.ts';
import { modernPost } from '../../../../sidecar/relay/testing/modern-rig.ts';
import { FAULTS, type Fault } from './faulty-replica.ts';
import { messageOf, type Answer, type FaultRun } from './fault-run.ts';

/** What became of one request under a fault, in the words of the table. */
export type Came =
  | 'answered'
  /** One of the mesh's own errors. */
  | 'typed error'
  /** The replica's own answer, which is nonsense. */
  | 'as it was'
  | 'ended'
  | 'HANG'
  | 'LOST'
  /** There was no call: the run itself failed. */
  | 'no result';

/** A read, something that must not run twice, or a read where the retry budget lets nothing be sent again. */
export type Kind = 'safe' | 'unsafe' | 'no budget';

/** One way of a request through the relay. Sends one while `fault` strikes, and says what became of it. */
export interface Path {
  name: string;
  /** The path that it is right for it to come to the same as; itself when absent. */
  like?: string;
  kinds: readonly Kind[];
  meet(run: FaultRun, fault: Fault, kind: Kind): Promise<Came>;
}

const INITIALIZE = {
  jsonrpc: '2.0',
  id: 0,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'c', version: '1' } },
};
const ALL = ['safe', 'unsafe', 'no budget'] as const;
const call = (kind: Kind): object => ({
  jsonrpc: '2.0',
  id: 7,
  method: 'tools/call',
  params: { name: kind === 'unsafe' ? 'write' : 'read', arguments: {} },
});

function cameOf(answer: Answer | null): Came {
  if (answer === null) return 'HANG';
  const { message } = answer;
  if (message?.result) return 'answered';
  if (message?.error) return message.error.code <= -31000 && message.error.code > -32000 ? 'typed error' : 'as it was';
  return answer.status === 404 ? 'LOST' : 'as it was';
}

interface Session {
  id: string;
  upstreamId: string;
  headers: Record<string, string>;
}
async function begin(run: FaultRun, gateway = 0, headers: Record<string, string> = {}): Promise<Session> {
  const id = (await run.post(INITIALIZE, headers, gateway))?.session;
  const record = id ? run.gateway(gateway).directory.peek('linear', sessionDigest(id)) : undefined;
  if (!id || !record) throw new Error('no session began');
  return { id, upstreamId: record.upstreamId, headers };
}
/** A session of a principal is looked up: without Redis only the gateway where it began knows it. */
const token = Buffer.from('{"iss":"i","sub":"ann"}').toString('base64url');
export const PRINCIPAL = { authorization: `Bearer ${Buffer.from('{"alg":"none"}').toString('base64url')}.${token}.x` };

const onSession = ({ id, headers }: Session): Record<string, string> => ({
  'x-holdfast-session': id,
  'mcp-session-id': id.slice(id.indexOf('~') + 1),
  ...headers,
});

/** The session must be there afterwards, under the client's own id. */
async function goesOn(run: FaultRun, session: Session, answer: Answer | null, gateway = 0): Promise<Came> {
  if (answer?.session && answer.session !== session.id) return 'LOST';
  // A replica that hangs is found out after a call's deadline.
  for (let turn = 0; turn < 3; turn++) {
    const next = await run.post({ jsonrpc: '2.0', id: 8, method: 'tools/list' }, onSession(session), gateway);
    if (next?.message?.result) return cameOf(answer);
  }
  return 'LOST';
}

async function httpSse(run: FaultRun): Promise<{ stream: { text: string; isOver: boolean }; url: string }> {
  const { url, headers, port } = run.gateway(0);
  const stream = await run.stream(url, { headers: { ...headers, accept: 'text/event-stream' } });
  await run.until(() => stream.text.includes('holdfast-session'));
  const query = /data: [^?]*\?(.*)/.exec(stream.text)?.[1];
  return { stream, url: `http://127.0.0.1:${port}/mcp?${query}` };
}

export const paths: readonly Path[] = [
  {
    name: 'session',
    kinds: ALL,
    async meet(run, fault, kind) {
      const session = await begin(run);
      run.arm(fault, run.home(session.upstreamId));
      return goesOn(run, session, await run.post(call(kind), onSession(session)));
    },
  },
  {
    name: 'stateless',
    kinds: ALL,
    async meet(run, fault, kind) {
      run.arm(fault);
      return cameOf(await run.post(call(kind)));
    },
  },
  {
    name: '2026-07-28',
    kinds: ALL,
    async meet(run, fault, kind) {
      run.arm(fault);
      return cameOf(await run.modern('tools/call', { name: kind === 'unsafe' ? 'write' : 'read', arguments: {} }));
    },
  },
  {
    name: 'task holder',
    kinds: ALL,
    async meet(run, fault, kind) {
      const created = await run.modern('tools/call', { name: 'create', arguments: {} });
      const taskId = String(created?.message?.result?.['taskId']);
      run.arm(fault, run.home(taskId));
      return cameOf(await run.modern(kind === 'unsafe' ? 'tasks/update' : 'tasks/get', { taskId }));
    },
  },
  {
    name: 'HTTP+SSE',
    kinds: ALL,
    async meet(run, fault, kind) {
      const { stream, url } = await httpSse(run);
      const post = (message: object): Promise<Response> =>
        fetch(url, {
          method: 'POST',
          headers: { ...run.gateway(0).headers, 'content-type': 'application/json' },
          body: JSON.stringify(message),
        });
      await post(INITIALIZE);
      await run.until(() => stream.text.includes('protocolVersion'));
      run.arm(
        fault,
        run.replicas.find(({ streams }) => streams.size > 0),
      );
      await post(call(kind));
      const answers = (): string[] =>
        [...stream.text.matchAll(/^data: (.*"id":7[,}].*)$/gm)].map(([, data]) => data ?? '');
      const isSettled = await run.until(() => answers().length > 0 || stream.isOver);
      if (answers().length > 1) return 'LOST';
      if (!isSettled) return 'HANG';
      return stream.isOver
        ? 'ended'
        : cameOf({ status: 200, session: null, message: messageOf(`data: ${answers()[0]}`) });
    },
  },
  {
    name: 'GET stream',
    kinds: ['safe'],
    async meet(run, fault) {
      const session = await begin(run);
      const { url, headers } = run.gateway(0);
      const init = { headers: { ...headers, ...onSession(session), accept: 'text/event-stream' } };
      const stream = await run.stream(url, init);
      return streamGoesOn(run, fault, stream);
    },
  },
  {
    name: 'listen',
    kinds: ['safe'],
    async meet(run, fault) {
      const { url, headers } = run.gateway(0);
      const asked = modernPost('subscriptions/listen', { notifications: { toolsListChanged: true } }, {}, 's');
      const init = { method: 'POST', headers: { ...headers, ...asked.headers }, body: asked.body };
      return streamGoesOn(run, fault, await run.stream(url, init));
    },
  },
  {
    name: 'handed over',
    kinds: ALL,
    async meet(run, fault, kind) {
      const session = await begin(run, 1, PRINCIPAL);
      run.arm(fault, run.home(session.upstreamId));
      run.partition.isCut = true;
      const answer = await run.post(call(kind), onSession(session));
      run.partition.isCut = false;
      return goesOn(run, session, answer, 1);
    },
  },
];

/** Breaks a stream at its replica; a notification that any replica sends afterwards must reach the client, or its stream ends. */
async function streamGoesOn(run: FaultRun, fault: Fault, stream: { text: string; isOver: boolean }): Promise<Came> {
  await run.until(() => run.replicas.some(({ streams }) => streams.size > 0));
  const home = run.replicas.find(({ streams }) => streams.size > 0);
  for (const open of home?.streams ?? []) home?.break(fault, open);
  const note = 'event: message\ndata: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}\n\n';
  const hasHeard = await run.until(() => {
    for (const replica of run.replicas)
      for (const open of replica.streams) if (open.writable && !open.writableEnded) open.write(note);
    return stream.isOver || stream.text.includes('list_changed');
  });
  if (!hasHeard) return 'HANG';
  return stream.isOver ? 'ended' : 'answered';
}

/** Nobody can tell whose answer a broken event on the one stream of HTTP+SSE should have been, and nothing breaks where a replica stands still. */
export const isByDeadline = ({ name }: Pick<Path, 'name'>, fault: Fault): boolean =>
  fault === 'freeze' || (fault === 'garbage' && name === 'HTTP+SSE');

/** What a path may come to under a fault. */
export function isRight(
  { name, like: path = name }: Pick<Path, 'name' | 'like'>,
  fault: Fault,
  kind: Kind,
  came: Came,
): boolean {
  if (came === 'HANG' || came === 'LOST' || came === 'no result') return false;
  if (path === 'GET stream' || path === 'listen') return came === 'answered' || came === 'ended';
  if (kind === 'no budget' && came === 'answered') return fault === 'refuse';
  if (isByDeadline({ name: path }, fault)) return came === 'typed error';
  // What a holder held is gone with it; another replica says so, or the mesh.
  if (path === 'task holder' && (fault === 'kill' || fault === 'refuse'))
    return came === 'as it was' || came === 'typed error';
  if (kind === 'no budget') return came === 'typed error';
  if (fault === 'refuse' || kind === 'safe') return came === 'answered';
  return came === 'typed error';
}

export const cells = (wanted: readonly Path[] = paths): { path: Path; fault: Fault; kind: Kind }[] =>
  wanted.flatMap((path) => FAULTS.flatMap((fault) => path.kinds.map((kind) => ({ path, fault, kind }))));
