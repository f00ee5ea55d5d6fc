import { setTimeout as pause } from 'node:timers/promises';
import type { Call } from '../chaos/call-log.ts';
import { edgeFetch } from '../chaos/edge-fetch.ts';
import { Population, type PopulationClient } from '../chaos/population.ts';
import { seeded } from '../chaos/run-scenario.ts';
import { connectClient } from '../clients/connect-client.ts';
import type { ClientKind, McpClient } from '../clients/mcp-client.ts';
import type { Mesh } from '../mesh/start-mesh.ts';
import type { Fault } from './faults.ts';

/** Official clients of each era: sessions of streamable HTTP, 2026-07-28 without sessions, HTTP+SSE of 2024-11-05. */
const KINDS: readonly ClientKind[] = ['v1', 'v2-legacy', 'v1', 'v2-modern', 'v2-legacy', 'v1-sse'];
/** What official clients wait by default: shorter than the mesh's own limits, an error that is on its way would count as a hang. */
const HANG_MS = 60_000;
/** A session with so many failed calls in a row counts as lost in the curve; its last call, at the end, is what judges. */
const LOST_AFTER = 3;

/** Sessions that open, call and end all the time: what a session leaves behind would grow with them. */
const CHURN_MS = 1000;

export interface CrowdFigures {
  calls: number;
  answered: number;
  /** Errors that say what became of the call, and all others. */
  typedErrors: number;
  errors: number;
  /** 404s on sessions: an HTTP+SSE stream had ended, or a session was lost. They are no `errors`. */
  notFound: number;
  hangs: number;
  /** Those of calls that were not in flight when a gateway was killed. */
  unexplainedErrors: number;
  unexplainedHangs: number;
  /** Sessions that were opened and did not answer at the end. */
  lost: number;
  refused: number;
}

/** Tools of the server without sessions, under the names that the population calls. */
const stateless = (client: McpClient): PopulationClient => ({
  callTool: (_name, _args, options) => client.callTool('test_simple_text', {}, options),
  close: () => client.close(),
});

/** What SDKs make of a 404 to a request on a session. */
export const isNotFound = (result: Call['result']): boolean =>
  result.kind === 'error' && /\b404\b|session not found/i.test(result.message);

/** Clients that go on calling, and what they saw. Calls are counted and forgotten, so that hours of them take no memory. */
export class Crowd {
  readonly #population: Population;
  readonly #mesh: Mesh;
  readonly #faults: readonly Fault[];
  readonly #failedInARow = new Map<number, number>();
  readonly figures: CrowdFigures = {
    calls: 0,
    answered: 0,
    typedErrors: 0,
    errors: 0,
    notFound: 0,
    hangs: 0,
    unexplainedErrors: 0,
    unexplainedHangs: 0,
    lost: 0,
    refused: 0,
  };
  /** The first ones of each kind, for people. */
  readonly examples: string[] = [];
  #churn: Promise<void> = Promise.resolve();
  #isRunning = false;

  constructor(mesh: Mesh, options: { sessions: number; everyMs: number; faults: readonly Fault[] }) {
    this.#mesh = mesh;
    this.#faults = options.faults;
    this.#population = new Population({
      size: options.sessions,
      everyMs: options.everyMs,
      hangMs: HANG_MS,
      unsafeShare: 0.2,
      slowShare: 0.1,
      connect: (session) => this.#connect(KINDS[session % KINDS.length] ?? 'v1', session),
      random: seeded(1),
      now: Date.now,
    });
  }

  async #connect(kind: ClientKind, session: number): Promise<PopulationClient> {
    // A stream of HTTP+SSE ends with its gateway, and the protocol has no way back: those clients are at the one that lives.
    const origins = this.#mesh.gateways.map(({ url }) => url).slice(0, kind.endsWith('sse') ? 1 : undefined);
    const url = this.#mesh.url(kind === 'v2-modern' ? 'fixture' : 'linear');
    const client = await connectClient({ kind, url, fetch: edgeFetch(origins, session), timeoutMs: HANG_MS });
    return kind === 'v2-modern' ? stateless(client) : client;
  }

  async start(): Promise<void> {
    await this.#population.open();
    this.#population.start();
    this.#isRunning = true;
    this.#churn = this.#comeAndGo();
  }

  /** Every session makes a last call, which shows whether it lives. */
  async stop(): Promise<void> {
    this.#isRunning = false;
    await this.#churn;
    await this.#population.stop();
    this.count();
  }

  get seemLost(): number {
    return [...this.#failedInARow.values()].filter((failed) => failed >= LOST_AFTER).length;
  }

  /** Counts the calls that have ended since the last time. */
  count(): void {
    for (const call of this.#population.calls.splice(0)) this.#countOne(call);
  }

  #countOne(call: Call): void {
    const { session, kind, result, startedAtMs, endedAtMs } = call;
    const { figures } = this;
    figures.calls++;
    if (result.kind === 'answered') {
      figures.answered++;
      this.#failedInARow.delete(session);
      return;
    }
    this.#failedInARow.set(session, (this.#failedInARow.get(session) ?? 0) + 1);
    if (kind === 'last') figures.lost++;
    if (kind === 'open') figures.refused++;
    if (result.kind === 'typed-error') figures.typedErrors++;
    else if (isNotFound(result)) figures.notFound++;
    else if (result.kind === 'error') figures.errors++;
    else if (result.kind === 'hang') figures.hangs++;
    const isExplained = this.#faults.some(
      (fault) => fault.kind === 'gateway' && startedAtMs <= fault.doneAtMs && endedAtMs >= fault.atMs,
    );
    if (isExplained) return;
    if (result.kind === 'hang') figures.unexplainedHangs++;
    if (result.kind === 'error' && !isNotFound(result)) figures.unexplainedErrors++;
    if (this.examples.length < 40) {
      const at = new Date(startedAtMs).toISOString().slice(11, 23);
      this.examples.push(
        `${at} ${kind} ${call.tool} of session ${session} (${KINDS[session % KINDS.length]}), ${endedAtMs - startedAtMs} ms: ${JSON.stringify(result)}`,
      );
    }
  }

  async #comeAndGo(): Promise<void> {
    for (let session = 1_000_000; this.#isRunning; session++) {
      const client = (await this.#population.openOne(session)) as (Partial<McpClient> & PopulationClient) | undefined;
      if (client) {
        await this.#population.callOnce(client, session);
        await (client.terminate?.() ?? client.close()).catch(() => undefined);
      }
      this.#failedInARow.delete(session);
      await pause(CHURN_MS);
    }
  }
}
