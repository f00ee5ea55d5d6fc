import type { ServerResponse } from 'node:http';
import { casesOf, judge, type AttackCase } from '../attack-case.ts';
import { callOf, INITIALIZE, type AttackMesh, type SendOptions, type ServerName } from '../attack-mesh.ts';
import { openStream, type Answer } from '../http-client.ts';
import { waitFor } from '../../mesh/wait-for.ts';

/** In the answer of Alice's call alone. */
const SECRET = 'answer-for-alice';
/** The first revision whose calls the mesh gives an event id. */
const REVISION = { 'mcp-protocol-version': '2025-11-25' };
/** Long enough for an answer that is there; a stream that is opened in place of it says nothing. */
const LISTEN_MS = 1200;

/** A call of Alice's that was cut after its event id, and whose answer lies at gateway 1. */
interface KeptCall {
  server: ServerName;
  session: string;
  eventId: string;
  alice: SendOptions;
}

interface Replay {
  server: ServerName;
  alice: (mesh: AttackMesh) => SendOptions;
  /** What somebody sends who has read session id and event id somewhere. */
  replay: (mesh: AttackMesh, call: KeptCall) => Promise<Answer[]>;
  /** Her answer waits for her as long as it was not she who gave it up. */
  isOver?: boolean;
}

const token = (subject: string) => (mesh: AttackMesh) => ({ token: mesh.issuer.valid(subject) });
const opaque = (value: string) => (): SendOptions => ({ token: value });

/** A GET with the event id at each gateway, as a client that comes back. */
const resume = (
  mesh: AttackMesh,
  { server, session, eventId }: Pick<KeptCall, 'server' | 'session' | 'eventId'>,
  options: SendOptions,
  gateways: readonly number[] = [0, 1],
): Promise<Answer[]> =>
  Promise.all(
    gateways.map((gateway) =>
      mesh.send(server, {
        ...options,
        method: 'GET',
        gateway,
        session,
        timeoutMs: LISTEN_MS,
        headers: { ...REVISION, 'last-event-id': eventId, ...options.headers },
      }),
    ),
  );
const by =
  (who: (mesh: AttackMesh) => SendOptions): Replay['replay'] =>
  (mesh, call) =>
    resume(mesh, call, who(mesh));
/** With a session of his own, on a server of his choice. */
const inOwnSession =
  (server: ServerName, who: (mesh: AttackMesh) => SendOptions = () => ({})): Replay['replay'] =>
  async (mesh, { eventId }) => {
    const options = who(mesh);
    return resume(mesh, { server, eventId, session: await mesh.session(server, options) }, options);
  };
/** The id itself is changed. */
const written =
  (write: (eventId: string) => string): Replay['replay'] =>
  (mesh, call) =>
    resume(mesh, { ...call, eventId: write(call.eventId) }, { token: 'mallory' });

/** Alice ends her session at one gateway; the other hears of it a little later. */
async function end(mesh: AttackMesh, { server, session, alice }: KeptCall, gateway: number): Promise<void> {
  await mesh.send(server, { ...alice, session, method: 'DELETE', gateway });
  const isOver = async (at: number): Promise<boolean> =>
    (await mesh.rpc(server, callOf('echo'), { ...alice, session, gateway: at })).status === 404;
  await waitFor(async () => (await isOver(0)) && (await isOver(1)), { what: 'the session is over at both gateways' });
}

const flipped = (id: string, from: number): string =>
  `${id.slice(0, from)}${id[from] === 'A' ? 'B' : 'A'}${id.slice(from + 1)}`;

const REPLAYS: Record<string, Replay> = {
  'jwt-other-principal': { server: 'jwt', alice: token('alice'), replay: by(token('mallory')) },
  'jwt-expired': {
    server: 'jwt',
    alice: token('alice'),
    replay: by(({ issuer }) => ({ token: issuer.valid('alice', { exp: Math.floor(Date.now() / 1000) - 120 }) })),
  },
  'jwt-none': { server: 'jwt', alice: token('alice'), replay: by(() => ({})) },
  'jwt-unsigned': {
    server: 'jwt',
    alice: token('alice'),
    replay: by(({ issuer }) => ({ token: issuer.unsigned('alice') })),
  },
  'jwt-own-session': { server: 'jwt', alice: token('alice'), replay: inOwnSession('jwt', token('mallory')) },
  'jwt-after-delete': {
    server: 'jwt',
    alice: token('alice'),
    isOver: true,
    async replay(mesh, call) {
      await end(mesh, call, 1);
      return [...(await resume(mesh, call, call.alice)), ...(await resume(mesh, call, token('mallory')(mesh)))];
    },
  },
  'opaque-other': { server: 'plain', alice: opaque('alice'), replay: by(opaque('mallory')) },
  'opaque-none': { server: 'plain', alice: opaque('alice'), replay: by(() => ({})) },
  'opaque-other-scheme': {
    server: 'plain',
    alice: opaque('alice'),
    replay: by(() => ({ headers: { authorization: 'Basic alice' } })),
  },
  'opaque-beside-a-cookie': {
    server: 'plain',
    alice: opaque('alice'),
    replay: by(() => ({ token: 'mallory', headers: { cookie: 'authorization=alice', 'x-api-key': 'alice' } })),
  },
  'own-session': { server: 'plain', alice: opaque('alice'), replay: inOwnSession('plain', opaque('mallory')) },
  'own-session-elsewhere': { server: 'plain', alice: opaque('alice'), replay: inOwnSession('streams') },
  'her-session-elsewhere': {
    server: 'plain',
    alice: opaque('alice'),
    replay: async (mesh, call) =>
      await Promise.all(
        (['streams', 'off', 'moving', 'modern', 'legacy'] as const).map((server) =>
          resume(mesh, { ...call, server }, { token: 'mallory' }),
        ),
      ).then((lists) => lists.flat()),
  },
  'after-delete': {
    server: 'plain',
    alice: opaque('alice'),
    isOver: true,
    async replay(mesh, call) {
      await end(mesh, call, 0);
      return [...(await resume(mesh, call, call.alice)), ...(await resume(mesh, call, { token: 'mallory' }))];
    },
  },
  'after-a-move': {
    server: 'moving',
    alice: opaque('alice'),
    isOver: true,
    async replay(mesh, call) {
      for (const replica of mesh.replicas.moving) replica.forget();
      const moved = await mesh.rpc('moving', callOf('echo'), { ...call.alice, session: call.session });
      if (moved.status !== 200) throw new Error(`the session did not move: ${moved.status}`);
      return resume(mesh, call, { token: 'mallory' });
    },
  },
  'as-http-sse': {
    server: 'plain',
    alice: opaque('alice'),
    replay: async (mesh, { session, eventId }) => [
      await mesh.send('plain', {
        method: 'GET',
        suffix: `?holdfast-session=${session}`,
        timeoutMs: LISTEN_MS,
        headers: { 'last-event-id': eventId },
      }),
    ],
  },
  'without-a-session': {
    server: 'plain',
    alice: opaque('alice'),
    replay: async (mesh, { eventId }) => [
      await mesh.send('plain', { method: 'GET', timeoutMs: LISTEN_MS, headers: { 'last-event-id': eventId } }),
      await mesh.send('modern', {
        method: 'GET',
        timeoutMs: LISTEN_MS,
        headers: { 'last-event-id': eventId, 'mcp-protocol-version': '2026-07-28' },
      }),
    ],
  },
  'in-a-post': {
    server: 'plain',
    alice: opaque('alice'),
    replay: async (mesh, { session, eventId }) => [
      await mesh.rpc('plain', callOf('echo', {}, 'alices-call'), {
        session,
        token: 'mallory',
        headers: { ...REVISION, 'last-event-id': eventId },
      }),
    ],
  },
  'bit-flipped': { server: 'plain', alice: opaque('alice'), replay: written((id) => flipped(id, id.length - 9)) },
  'mark-of-another-mesh': { server: 'plain', alice: opaque('alice'), replay: written((id) => flipped(id, 6)) },
  'cut-short': { server: 'plain', alice: opaque('alice'), replay: written((id) => id.slice(0, -12)) },
  'twenty-kilobytes': { server: 'plain', alice: opaque('alice'), replay: written((id) => id + 'A'.repeat(20_000)) },
};

/** Alice's call, cut after its event id. `give` answers it. */
async function cutCall(
  mesh: AttackMesh,
  server: ServerName,
  alice: SendOptions,
): Promise<{ call: KeptCall; give: () => void }> {
  const waiting: { response: ServerResponse; id: unknown }[] = [];
  const session = await mesh.session(server, alice);
  for (const replica of mesh.replicas[server])
    replica.behave = ({ message }, response) => {
      if (message?.params?.name !== 'slow') return false;
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': open\n\n');
      waiting.push({ response, id: message.id });
      return true;
    };
  const stream = await openStream(mesh.url(server), {
    method: 'POST',
    body: JSON.stringify(callOf('slow', {}, 'alices-call')),
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-session-id': session,
      authorization: `Bearer ${alice.token}`,
      ...REVISION,
    },
  });
  const eventId = await waitFor(() => /^id: ?(\S+)/m.exec(stream?.text ?? '')?.[1], { what: 'an event id' });
  stream?.close();
  const answer = { jsonrpc: '2.0', id: 'alices-call', result: { content: [{ type: 'text', text: SECRET }] } };
  return {
    call: { server, session, eventId, alice },
    give() {
      for (const { response, id } of waiting.splice(0))
        response.end(`event: message\ndata: ${JSON.stringify({ ...answer, id })}\n\n`);
    },
  };
}

const said = ({ status, isTimeout }: Answer): string => (status === 200 && isTimeout ? '200 (silent)' : String(status));

/** Twice: while the call still works, and when its answer lies there. */
export const eventIds: AttackCase[] = casesOf(
  'event-ids',
  { finding: 'E1', goal: 'nobody but Alice gets the answer of her call' },
  REPLAYS,
  async (mesh, { server, alice: who, replay, isOver = false }) => {
    const alice = who(mesh);
    const heard: Answer[] = [];
    let own = '';
    for (const isAnswered of [false, true]) {
      const { call, give } = await cutCall(mesh, server, alice);
      if (isAnswered) give();
      heard.push(...(await replay(mesh, call)));
      give();
      const [back] = isOver ? [] : await resume(mesh, call, alice, [0]);
      own += back === undefined ? '' : back.body.includes(SECRET) ? 'answered ' : `${said(back)} `;
      mesh.reset(server);
    }
    const leaked = heard.filter(({ body }) => body.includes(SECRET));
    const fresh = await mesh.rpc(server, INITIALIZE, alice);
    return judge(
      {
        'nobody else has it': leaked.length === 0,
        'none hangs without a head': heard.every(({ status }) => status !== 0),
        'Alice has it': isOver || own === 'answered answered ',
        'the server goes on': fresh.status === 200,
      },
      `replays ${[...new Set(heard.map(said))].join(', ')}; Alice: ${own || 'over'}`,
    );
  },
);
