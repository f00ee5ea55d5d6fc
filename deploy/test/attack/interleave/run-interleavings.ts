import { randomFrom } from '../../fuzz/mutate.ts';
import { exactly, type Objective } from '../../report/objectives.ts';
import {
  callOf,
  INITIALIZE,
  startAttackMesh,
  type AttackMesh,
  type SendOptions,
  type ServerName,
} from '../attack-mesh.ts';
import { messageOf, type Answer } from '../http-client.ts';
import type { RawReplica } from '../raw-replica.ts';
import { json } from '../../servers/kit/http-answer.ts';

export interface InterleavingOptions {
  interleavings: number;
  seed: number;
  say?: (line: string) => void;
}

/** Servers whose sessions are told apart by a verified JWT, and by opaque tokens that the replica alone knows; guard on and off. */
const KINDS: Readonly<Record<string, readonly ServerName[]>> = {
  JWT: ['jwt', 'jwtoff'],
  'opaque tokens': ['moving', 'off'],
};
const SERVERS: readonly ServerName[] = Object.values(KINDS).flat();
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
  if (answer.status !== 200 || answer.cutBy !== undefined) return null;
  const result = messageOf(answer)?.['result'];
  if (result === undefined) return null;
  const text = JSON.stringify(result);
  if (!by.sessions.includes(session)) return `an answer in a session that is not theirs: ${text.slice(0, 120)}`;
  if (!text.includes(marker)) return `an answer without the caller’s marker: ${text.slice(0, 120)}`;
  if (!text.includes(by.token)) return `an answer of somebody else’s session: ${text.slice(0, 120)}`;
  return null;
}

/** Two principals on one server, and what they may do: each step at once with others. */
class Pair {
  readonly #mesh: AttackMesh;
  readonly #server: ServerName;
  readonly #number: number;
  readonly #random: () => number;
  readonly #tally: Tally;
  readonly #principals: readonly [Principal, Principal];
  #marks = 0;

  constructor(mesh: AttackMesh, server: ServerName, number: number, random: () => number, tally: Tally) {
    this.#mesh = mesh;
    this.#server = server;
    this.#number = number;
    this.#random = random;
    this.#tally = tally;
    const principal = (name: string): Principal => ({
      token: server.startsWith('jwt') ? mesh.issuer.valid(`${name}-${number}`) : `opaque-${name}-${number}`,
      sessions: [],
    });
    this.#principals = [principal('alice'), principal('mallory')];
  }

  async begin(): Promise<void> {
    await Promise.all(this.#principals.map((each) => this.#initialize(each)));
  }

  step(): Promise<void> {
    const [first, second] = this.#principals;
    const [by, other] = this.#random() < 0.5 ? [first, second] : [second, first];
    const what = this.#random();
    if (what < 0.4) return this.#call(by, this.#one(by.sessions));
    if (what < 0.7) return this.#call(by, this.#one(other.sessions));
    if (what < 0.8) return this.#initialize(by);
    if (what < 0.86) return this.#end(by, this.#one(this.#random() < 0.5 ? by.sessions : other.sessions));
    return this.#lose(what < 0.97);
  }

  #one(list: readonly string[]): string | undefined {
    return list[Math.floor(this.#random() * list.length)];
  }

  #options(by: Principal): SendOptions {
    const from = `127.0.${50 + (this.#number % 50)}.${1 + (Math.floor(this.#number / 50) % 250)}`;
    return { token: by.token, from, gateway: this.#random() < 0.5 ? 0 : 1, timeoutMs: 15_000 };
  }

  async #initialize(by: Principal): Promise<void> {
    const answer = await this.#mesh.rpc(this.#server, INITIALIZE, this.#options(by));
    const session = answer.headers['mcp-session-id'];
    if (answer.status === 200 && typeof session === 'string') by.sessions.push(session);
  }

  async #call(by: Principal, session: string | undefined): Promise<void> {
    if (session === undefined) return;
    const marker = `mark-${this.#number}-${this.#marks++}`;
    const answer = await this.#mesh.rpc(this.#server, callOf('echo', { text: marker }), {
      ...this.#options(by),
      session,
    });
    if (answer.status === 200) this.#tally.answers++;
    else this.#tally.refusals++;
    const violation = violationOf(answer, by, session, marker);
    if (violation !== null) this.#tally.violations.push(`${this.#server} #${this.#number}: ${violation}`);
  }

  async #end(by: Principal, session: string | undefined): Promise<void> {
    if (session !== undefined) await this.#mesh.send(this.#server, { ...this.#options(by), session, method: 'DELETE' });
  }

  /** A replica forgets both, or dies with all that it has. */
  async #lose(isForgotten: boolean): Promise<void> {
    const replica = this.#mesh.replicas[this.#server][this.#random() < 0.5 ? 0 : 1];
    if (!isForgotten) {
      this.#tally.kills++;
      return replica?.restart();
    }
    for (const [id, { authorization }] of replica?.sessions ?? [])
      if (this.#principals.some(({ token }) => authorization === `Bearer ${token}`)) replica?.sessions.delete(id);
  }
}

async function interleave(pair: Pair, random: () => number): Promise<void> {
  await pair.begin();
  for (let left = STEPS; left > 0; ) {
    // One to three steps at a time.
    const together = Math.min(left, 1 + Math.floor(random() * 3));
    left -= together;
    await Promise.all(Array.from({ length: together }, () => pair.step()));
  }
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
        await interleave(new Pair(mesh, server, number, random, tally), random);
        tally.interleavings++;
        if (tally.interleavings % 1000 === 0)
          say(`${tally.interleavings} interleavings, ${tally.violations.length} violations`);
      }
    }),
  );
  for (const violation of tally.violations.slice(0, 10)) say(violation);
  const ended = mesh.mesh.processes().filter((process) => !process.isRunning);
  return [
    exactly('interleavings', interleavings, tally.interleavings),
    ...Object.entries(KINDS).map(([kind, servers]) =>
      exactly(
        `answers of the other’s session, ${kind}`,
        0,
        tally.violations.filter((text) => servers.some((server) => text.startsWith(`${server} #`))).length,
      ),
    ),
    { name: 'refusals', goal: '> 0', measured: tally.refusals, met: tally.refusals > 0 },
    { name: 'answers to one’s own session', goal: '> 0', measured: tally.answers, met: tally.answers > 0 },
    { name: 'replicas killed meanwhile', goal: '> 0', measured: tally.kills, met: tally.kills > 0 },
    exactly('processes that ended', 0, ended.length),
  ];
}
