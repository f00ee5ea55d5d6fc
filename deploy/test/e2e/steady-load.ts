import { setTimeout as pause } from 'node:timers/promises';
import { alternatingFetch } from '../clients/alternating-fetch.ts';
import { connectClient } from '../clients/connect-client.ts';
import type { McpClient, ToolAnswer } from '../clients/mcp-client.ts';
import type { Mesh } from '../mesh/start-mesh.ts';

export interface LoadOptions {
  mesh: Mesh;
  server: string;
  /** Base URLs that clients take in turn; the gateways' when absent. */
  entries?: readonly string[];
  /** Sessions that stay for the whole time. */
  sessions: number;
  /** Each of them makes a call this often on average. */
  everyMs?: number;
  /** A session more this often, for three calls; none when absent. */
  newEveryMs?: number;
  /** Such streams of short sessions side by side. Default 1. */
  newcomers?: number;
}

/** What the clients saw. */
export interface LoadReport {
  calls: number;
  /** Calls that the server answered with a tool error, as a bad release does (`--tool-error-rate`). */
  toolErrors: number;
  /** Calls that did not get their answer, and sessions that could not begin. */
  failures: string[];
  /** New sessions by the replica that they began on. */
  begun: Map<string, number>;
  /** Where each lasting session lives at the end. */
  homes: string[];
}

interface LoadSession {
  client: McpClient;
  home: string;
  calls: number;
}

const homeOf = ({ data }: ToolAnswer): string => (data as { replica: { name: string } }).replica.name;

/** Official clients, through all gateways in turn, at a constant rate. A lost session shows as a failed call: official clients do not start again. */
export class SteadyLoad {
  readonly report: LoadReport = { calls: 0, toolErrors: 0, failures: [], begun: new Map(), homes: [] };
  readonly #options: LoadOptions;
  #isRunning = true;
  #lasting: LoadSession[] = [];
  #loops: Promise<void>[] = [];

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  async start(): Promise<this> {
    for (let index = 0; index < this.#options.sessions; index++) {
      const client = await this.#begin();
      if (client) this.#lasting.push(client);
    }
    this.#loops = this.#lasting.map((each) => this.#callOn(each));
    const { newEveryMs, newcomers = 1 } = this.#options;
    if (newEveryMs !== undefined)
      for (let index = 0; index < newcomers; index++) this.#loops.push(this.#newcomers(newEveryMs));
    return this;
  }

  /** Where each lasting session lives now. */
  homes(): string[] {
    return this.#lasting.map(({ home }) => home);
  }

  /** Until every lasting session has made two more calls: one may have been under way. */
  async round(): Promise<void> {
    const before = this.#lasting.map(({ calls }) => calls);
    const limit = AbortSignal.timeout(60_000);
    while (this.#lasting.some(({ calls }, index) => calls < before[index]! + 2))
      await pause(20, undefined, { signal: limit });
  }

  /** Waits for what is under way, and closes. */
  async stop(): Promise<LoadReport> {
    if (!this.#isRunning) return this.report;
    this.#isRunning = false;
    await Promise.all(this.#loops);
    this.report.homes = this.homes();
    await Promise.all(this.#lasting.map(({ client }) => client.terminate().catch(() => undefined)));
    return this.report;
  }

  async #begin(): Promise<LoadSession | undefined> {
    const { mesh, server, entries = mesh.gateways.map(({ url }) => url) } = this.#options;
    return this.#count('initialize', async () => {
      const client = await connectClient({
        kind: 'v1',
        url: mesh.url(server),
        fetch: alternatingFetch(entries),
        timeoutMs: 15_000,
      });
      let answer = await client.callTool('whoami');
      for (; answer.isError; answer = await client.callTool('whoami')) this.report.toolErrors++;
      const home = homeOf(answer);
      this.report.begun.set(home, (this.report.begun.get(home) ?? 0) + 1);
      return { client, home, calls: 0 };
    });
  }

  async #callOn(each: LoadSession): Promise<void> {
    const { everyMs = 60 } = this.#options;
    while (this.#isRunning) {
      await pause(everyMs * (0.5 + Math.random()));
      await this.#call(each);
    }
  }

  async #call(each: LoadSession): Promise<void> {
    await this.#callOnce(each);
    each.calls++;
  }

  async #callOnce(each: LoadSession): Promise<void> {
    const answer = await this.#count('whoami', () => each.client.callTool('whoami'));
    if (answer?.isError) this.report.toolErrors++;
    else if (answer) each.home = homeOf(answer);
  }

  async #newcomers(everyMs: number): Promise<void> {
    while (this.#isRunning) {
      await pause(everyMs);
      const begun = await this.#begin();
      if (!begun) continue;
      for (let call = 0; call < 3; call++) await this.#call(begun);
      await begun.client.terminate().catch(() => undefined);
    }
  }

  async #count<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
    this.report.calls++;
    try {
      return await work();
    } catch (error) {
      this.report.failures.push(`${what}: ${(error as Error).message.slice(0, 300)}`);
      return undefined;
    }
  }
}
