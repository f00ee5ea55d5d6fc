import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { callTimeoutMs, serverPolicySchema } from '../../../../proto/server-policy.ts';
import { REDIS } from '../../../../proto/wire.ts';
import { casesOf, judge, type AttackCase } from '../attack-case.ts';
import { callOf, INITIALIZE, type ServerName } from '../attack-mesh.ts';
import { exchange, messageOf, openStream } from '../http-client.ts';
import { REPOSITORY } from '../../mesh/node-program.ts';
import { redisAnswer } from '../../mesh/start-redis.ts';
import { waitFor } from '../../mesh/wait-for.ts';

/** Ids as a client wrote them: an error of the mesh's own must carry the same. */
const IDS: Record<string, string> = {
  'beyond-2-53': '9007199254740993',
  'very-long': '123456789012345678901234567890',
  'negative-beyond': '-9007199254740995',
  decimal: '1.50',
  exponent: '1e3',
  escaped: '"a\\u0041\\n\\"b"',
};
const idCases = casesOf(
  'mesh-errors',
  { finding: 'B12', goal: 'the id comes back as it was written' },
  IDS,
  async (mesh, id) => {
    const session = await mesh.session('moving');
    await Promise.all(mesh.replicas.moving.map((replica) => replica.kill()));
    const body = `{"jsonrpc":"2.0","id":${id},"method":"tools/call","params":{"name":"echo"}}`;
    const answer = await mesh.send('moving', { session, body });
    await Promise.all(mesh.replicas.moving.map((replica) => replica.start()));
    await waitFor(async () => (await mesh.rpc('moving', INITIALIZE)).status === 200, {
      what: 'replicas are back',
    }).catch(() => undefined);
    return judge(
      {
        'the same id':
          answer.body.includes(`"id":${id}`) ||
          (id === '1e3' && /"id":(1000|1e3)/.test(answer.body)) ||
          (id === '1.50' && /"id":1\.50?[,}]/.test(answer.body)) ||
          (id.startsWith('"') && answer.body.includes('aA\\n\\"b')),
      },
      `${answer.status} ${/"id":[^,}]*/.exec(answer.body)?.[0]}`,
    );
  },
);

const deadlines = casesOf(
  'deadlines',
  { finding: 'B13', goal: 'a call that hangs is answered, and a default says when' },
  { moving: 'moving', judged: 'judged' } as Record<string, ServerName>,
  async (mesh, server) => {
    const session = await mesh.session(server);
    const answer = await mesh.rpc(server, callOf('hang'), { session, timeoutMs: 8000 });
    return judge({ 'an answer': !answer.isTimeout, 'with the id': answer.body.includes('"id":2') }, `${answer.status}`);
  },
);
/** The mesh has a deadline of its own, and says so where limits are listed. */
const byDefault: AttackCase = {
  name: 'deadlines/by-default',
  finding: 'B13',
  goal: 'a silent call ends within a minute by default, and docs/limits.md says so',
  isAlone: true,
  async run() {
    const callMs = callTimeoutMs(serverPolicySchema.parse({ name: 'a' }));
    const text = readFileSync(join(REPOSITORY, 'docs/limits.md'), 'utf8');
    const said = /`timeouts\.callMs` is (\d+)/.exec(text)?.[1];
    return judge(
      { 'it is said': said === String(callMs), 'within a minute': callMs > 0 && callMs <= 60_000 },
      `${callMs} ms, the text says ${said}`,
    );
  },
};

/** Keys of the lease that go missing alone, as eviction or a partial restore would take them. */
const leases = casesOf(
  'lease',
  { finding: 'B14', goal: 'there is a leader again, with a token' },
  { 'token-gone': [REDIS.leaderToken], 'lease-gone': [REDIS.leader], 'both-gone': [REDIS.leaderToken, REDIS.leader] },
  async ({ mesh }, keys) => {
    const port = mesh.redis?.port ?? 0;
    await redisAnswer(port, `DEL ${keys.join(' ')}`);
    const hasBoth = async (): Promise<boolean> =>
      /:2\r/.test(await redisAnswer(port, `EXISTS ${REDIS.leader} ${REDIS.leaderToken}`));
    await waitFor(hasBoth, { what: 'a lease with a token', timeoutMs: 25_000 }).catch(() => undefined);
    await pause(100);
    const status = await exchange(`${mesh.controlPlane.adminUrl}/v1/status`, { method: 'GET', from: '127.0.0.1' });
    return judge(
      { 'lease and token are there': await hasBoth() },
      `leader ${/"leader":[^,}]*/.exec(status.body)?.[0] ?? '?'}`,
    );
  },
);

const PENDING = 40;
/** Calls of HTTP+SSE whose replica dies under them: with a retry budget of nothing, nothing is sent again. */
const budgets = casesOf(
  'http-sse-budget',
  { finding: 'B8', goal: 'no more is sent again than the budget says' },
  { lists: 'tools/list', pings: 'ping', reads: 'resources/list' },
  async (mesh, method) => {
    const stream = await openStream(mesh.url('frugal'));
    const endpoint = await waitFor(() => /data: (\S+)/.exec(stream?.text ?? '')?.[1], { what: 'an endpoint event' });
    const { search: suffix } = new URL(endpoint, mesh.url('frugal'));
    await mesh.rpc('frugal', INITIALIZE, { suffix });
    mesh.reset('frugal');
    for (const replica of mesh.replicas.frugal)
      replica.behave = ({ message }, response) => {
        if (message?.method !== method || message.id === undefined) return false;
        response.writeHead(202).end();
        return true;
      };
    await Promise.all(
      Array.from({ length: PENDING }, (_, index) =>
        mesh.rpc('frugal', { jsonrpc: '2.0', id: index + 10, method }, { suffix }),
      ),
    );
    const home = mesh.replicas.frugal.find((replica) => replica.count(method) > 0);
    const before = mesh.count('frugal', method);
    await home?.kill();
    await pause(2000);
    const again = mesh.count('frugal', method) - before;
    stream?.close();
    await home?.start();
    mesh.reset('frugal');
    await waitFor(async () => (await mesh.rpc('frugal', INITIALIZE)).status > 0, { what: 'the replica is back' });
    return judge(
      { 'none is sent again': again === 0, 'they were pending': before >= PENDING },
      `${again} of ${before} sent again`,
    );
  },
);

/** A request that a neighbour must take, while Redis is silent: its answer is a polling stream that closes early. */
const ENDS: Record<string, string> = {
  'id-and-retry': 'id: ev-1\nretry: 500\ndata: \n\n',
  'id-only': 'id: ev-1\ndata: \n\n',
  nothing: ': hello\n\n',
};
const neighbours = casesOf('neighbour', { finding: 'B6', goal: 'an answer, not a hang' }, ENDS, async (mesh, text) => {
  const session = await mesh.session('moving', { gateway: 0 });
  for (const replica of mesh.replicas.moving)
    replica.behave = ({ message }, response) => {
      if (message?.method !== 'tools/call') return false;
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(text);
      setTimeout(() => response.end(), 50);
      return true;
    };
  const redis = mesh.mesh.redis?.process;
  redis?.pause();
  const answer = await mesh.rpc('moving', callOf('echo'), { session, gateway: 1, timeoutMs: 12_000 });
  redis?.resume();
  mesh.reset('moving');
  return judge({ 'an answer in time': !answer.isTimeout }, `${answer.status} ${answer.body.slice(0, 80)}`);
});

/** What is changed for replicas in use must be used at once, by Envoy and relay alike. */
const tlsSwitches = casesOf(
  'tls-switch',
  { finding: 'B9', goal: 'no request goes on in plain text, and back again' },
  { 'with-get-stream': 'stream', 'under-calls': 'calls', 'server-name': 'name' },
  async (mesh, kind) => {
    const session = await mesh.session('root');
    const stream =
      kind === 'stream' ? await openStream(mesh.url('root'), { headers: { 'mcp-session-id': session } }) : null;
    const before = await mesh.rpc('root', callOf('echo'), { session });
    const set = (tls: object | undefined) =>
      mesh.mesh.writeConfig((config) => {
        for (const backend of config.servers.find(({ name }) => name === 'root')?.backends ?? []) {
          if (tls === undefined) delete backend['tls'];
          else backend['tls'] = tls;
        }
      });
    await set({ serverName: kind === 'name' ? 'replica.example' : 'localhost' });
    // A call in a session is refused with status 200 and an error: the clients survive that.
    const isAnswered = async (): Promise<boolean> =>
      messageOf(await mesh.rpc('root', callOf('echo'), { session }))?.['result'] !== undefined;
    const isUsed = await waitFor(async () => !(await isAnswered()), {
      what: 'TLS is tried',
      timeoutMs: 15_000,
      everyMs: 200,
    }).catch(() => false);
    stream?.close();
    await set(undefined);
    const isBack = await waitFor(async () => (await mesh.rpc('root', INITIALIZE)).status === 200, {
      what: 'plain again',
      timeoutMs: 60_000,
      everyMs: 200,
    }).catch(() => false);
    return judge({ 'plain before': before.status === 200, 'TLS is tried': isUsed, 'and plain again': isBack }, '');
  },
);

export const meshErrors: AttackCase[] = [
  ...idCases,
  ...deadlines,
  byDefault,
  ...leases,
  ...budgets,
  ...neighbours,
  ...tlsSwitches,
];
