import { randomFrom } from '../../fuzz/mutate.ts';
import { exactly, type Objective } from '../../report/objectives.ts';
import { callOf, INITIALIZE, startAttackMesh, type AttackMesh, type ServerName } from '../attack-mesh.ts';
import { messageOf, type Answer } from '../http-client.ts';
import type { RawReplica } from '../raw-replica.ts';
import { json } from '../../servers/kit/http-answer.ts';

export interface InterleavingOptions {
  interleavings: number;
  seed: number;
  say?: (line: string) => void;
}

/** Servers whose sessions are told apart by a verified JWT, and by opaque tokens that the replica alone knows; guard on and off. */
const SERVERS: readonly ServerName[] = ['jwt', 'jwtoff', 'moving', 'off'];
const WORKERS = 24;
const STEPS = 8;

interface Principal {
  token: string;
  sessions: string[];
}

interface Tally {
  interleavings: number;
  answers: number;
  refusals: number;
  kills: number;
  violations: string[];
}

/** A careful server: a session answers only whoever began it. */
function verify(replica: RawReplica): void {
  replica.behave = ({ headers }, response) => {
    replica.seen.length = 0;
    const session = replica.sessions.get(String(headers['mcp-session-id']));
    if (!session || session.authorization === headers.authorization) return false;
    json(response, 401, { error: 'invalid_token' });
    return true;
  };
}

/** What is wrong with an answer that `by` got on `session`: a result of a session that is not theirs, or without their own marker. */
function violationOf(answer: Answer, by: Principal, session: string, marker: string): string | null {
  if (answer.status !== 200 || answer.isCut) return null;
  const result = messageOf(answer)?.['result'];
  if (result === undefined) return null;
  const text = JSON.stringify(result);
  if (!by.sessions.includes(session)) return `an answer in a session that is not theirs: ${text.slice(0, 120)}`;
  if (!text.includes(marker)) return `an answer without the caller’s marker: ${text.slice(0, 120)}`;
  if (!text.includes(by.token)) return `an answer of somebody else’s session: ${text.slice(0, 120)}`;
  return null;
}

/** One interleaving: two principals on one server, steps that overlap, replicas that die meanwhile. */
async function interleave(
  mesh: AttackMesh,
  server: ServerName,
  number: number,
  random: () => number,
  tally: Tally,
): Promise<void> {
  const isJwt = server.startsWith('jwt');
  const principals = ['alice', 'mallory'].map((name): Principal => {
    const who = `${name}-${number}`;
    return { token: isJwt ? mesh.issuer.valid(who) : `opaque-${who}`, sessions: [] };
  });
  const [alice, mallory] = principals;
  if (!alice || !mallory) throw new Error('two principals');
  const from = `127.0.${50 + (number % 50)}.${1 + (Math.floor(number / 50) % 250)}`;
  const options = (by: Principal) => ({ token: by.token, from, gateway: random() < 0.5 ? 0 : 1, timeoutMs: 15_000 });
  const begin = async (by: Principal): Promise<void> => {
    const answer = await mesh.rpc(server, INITIALIZE, options(by));
    const session = answer.headers['mcp-session-id'];
    if (answer.status === 200 && typeof session === 'string') by.sessions.push(session);
  };
  await Promise.all([begin(alice), begin(mallory)]);
  let marks = 0;
  const call = async (by: Principal, session: string | undefined): Promise<void> => {
    if (session === undefined) return;
    const marker = `mark-${number}-${marks++}`;
    const answer = await mesh.rpc(server, callOf('echo', { text: marker }), { ...options(by), session });
    if (answer.status === 200) tally.answers++;
    else tally.refusals++;
    const violation = violationOf(answer, by, session, marker);
    if (violation !== null) tally.violations.push(`${server} #${number}: ${violation}`);
  };
  const one = (list: readonly string[]): string | undefined => list[Math.floor(random() * list.length)];
  const step = async (): Promise<void> => {
    const [by, other] = random() < 0.5 ? [alice, mallory] : [mallory, alice];
    const what = random();
    if (what < 0.4) return call(by, one(by.sessions));
    if (what < 0.7) return call(by, one(other.sessions));
    if (what < 0.8) return begin(by);
    if (what < 0.86) {
      const session = one(random() < 0.5 ? by.sessions : other.sessions);
      if (session !== undefined) await mesh.send(server, { ...options(by), session, method: 'DELETE' });
      return;
    }
    const replica = mesh.replicas[server][random() < 0.5 ? 0 : 1];
    if (what < 0.97) {
      for (const [id, { authorization }] of replica?.sessions ?? [])
        if (principals.some(({ token }) => authorization === `Bearer ${token}`)) replica?.sessions.delete(id);
      return;
    }
    tally.kills++;
    await replica?.restart();
  };
  for (let left = STEPS; left > 0; ) {
    // One to three steps at a time.
    const together = Math.min(left, 1 + Math.floor(random() * 3));
    left -= together;
    await Promise.all(Array.from({ length: together }, step));
  }
  tally.interleavings++;
}

/** Random interleavings of initialize, calls, kills, recoveries and deletes of two principals: nobody gets an answer of the other's session. */
export async function runInterleavings({
  interleavings,
  seed,
  say = () => {},
}: InterleavingOptions): Promise<Objective[]> {
  say(`seed ${seed}`);
  await using mesh = await startAttackMesh();
  for (const server of SERVERS) for (const replica of mesh.replicas[server]) verify(replica);
  const tally: Tally = { interleavings: 0, answers: 0, refusals: 0, kills: 0, violations: [] };
  let next = 0;
  await Promise.all(
    Array.from({ length: WORKERS }, async () => {
      while (next < interleavings) {
        const number = next++;
        const server = SERVERS[number % SERVERS.length] ?? 'jwt';
        const random = randomFrom((seed ^ Math.imul(number + 1, 0x9e3779b1)) >>> 0);
        await interleave(mesh, server, number, random, tally);
        if (tally.interleavings % 1000 === 0)
          say(`${tally.interleavings} interleavings, ${tally.violations.length} violations`);
      }
    }),
  );
  for (const violation of tally.violations.slice(0, 10)) say(violation);
  const ended = mesh.mesh.processes().filter((process) => !process.isRunning);
  return [
    exactly('interleavings', interleavings, tally.interleavings),
    exactly(
      `answers of the other’s session, of ${tally.answers} answers and ${tally.refusals} refusals`,
      0,
      tally.violations.length,
    ),
    { name: 'answers to one’s own session', goal: '> 0', measured: tally.answers, met: tally.answers > 0 },
    { name: 'replicas killed meanwhile', goal: '> 0', measured: tally.kills, met: tally.kills > 0 },
    exactly('processes that ended', 0, ended.length),
  ];
}
