import { isDeepStrictEqual } from 'node:util';
import type { Logger } from 'pino';
import { withinMs } from '../../proto/within-ms.ts';
import { kubernetesProblem } from '../kubernetes/kubernetes-problem.ts';
import type { SourceReport } from '../discovery/source.ts';
import type { ServerTopology, TopologySnapshot } from '../topology/topology.ts';
import { keyOf } from './claims.ts';
import type { ClusterApi } from './cluster-api.ts';
import type { ClusterServers } from './cluster-servers.ts';
import { claimedName, type McpServerObject } from './mcp-server.ts';
import { statusOf, type McpServerStatus } from './status.ts';

export interface StatusWriterOptions {
  cluster: Pick<ClusterServers, 'resources' | 'problems'>;
  api: Pick<ClusterApi, 'writeStatus'>;
  topology: () => TopologySnapshot | null;
  discovery: () => ReadonlyMap<string, SourceReport>;
  /** Only one control plane writes: all would say the same. */
  isLeader: () => boolean;
  now: () => number;
  log: Pick<Logger, 'warn'>;
  everyMs?: number;
  writeMs?: number;
}

const EVERY_MS = 1000;
/** One write that hangs must not be the last one. */
const WRITE_MS = 10_000;
/** Of the statuses that are due, so many are written at a time. */
const AT_A_TIME = 8;
/** An API server that refuses everything is not asked for each of them. */
const ROUNDS_OF_FAILURES = 8;

/** Keeps the status of each McpServer in step with what the mesh knows. */
export class StatusWriter {
  readonly #options: StatusWriterOptions;
  readonly #timer: NodeJS.Timeout;
  #problem: string | null = null;
  #round: Promise<void> = Promise.resolve();
  #isWriting = false;
  #begin = 0;

  constructor(options: StatusWriterOptions) {
    this.#options = options;
    this.#timer = setInterval(() => {
      if (!this.#isWriting) this.#round = this.#write();
    }, options.everyMs ?? EVERY_MS).unref();
  }

  /** Why statuses may be old; null while they can be written. */
  problem(): string | null {
    return this.#problem;
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#round;
  }

  async #write(): Promise<void> {
    const { cluster, discovery, isLeader, topology } = this.#options;
    if (!isLeader()) return;
    this.#isWriting = true;
    try {
      const known = new Map(topology()?.servers.map((server) => [server.name, server]));
      const troubled = [...discovery()].filter(([, { problem }]) => problem !== null);
      const due = cluster.resources().flatMap((object) => {
        const status = this.#due(object, known, troubled);
        return status ? [{ object, status }] : [];
      });
      // So that those that fail again and again are not always the first.
      due.push(...due.splice(0, this.#begin++ % Math.max(1, due.length)));
      // One that the API server refuses must not keep the others from being written.
      const failed: unknown[] = [];
      while (due.length > 0 && failed.length < AT_A_TIME * ROUNDS_OF_FAILURES) {
        const written = await Promise.allSettled(due.splice(0, AT_A_TIME).map((each) => this.#writeOne(each)));
        failed.push(...written.flatMap((each) => (each.status === 'rejected' ? [each.reason as unknown] : [])));
      }
      // Always the same of several, so that the log does not say them in turn.
      this.#say(failed.map(kubernetesProblem).toSorted()[0] ?? null);
    } catch (error) {
      this.#say(kubernetesProblem(error));
    } finally {
      this.#isWriting = false;
    }
  }

  #say(problem: string | null): void {
    if (problem !== null && problem !== this.#problem)
      this.#options.log.warn({ problem }, 'the status of an McpServer can’t be written');
    this.#problem = problem;
  }

  /** The status that the object should have; null where it has it. */
  #due(
    object: McpServerObject,
    known: ReadonlyMap<string, ServerTopology>,
    troubled: readonly (readonly [backend: string, report: SourceReport])[],
  ): McpServerStatus | null {
    const { cluster, now } = this.#options;
    const server = claimedName(object);
    const { namespace = '', name = '', generation = 0 } = object.metadata ?? {};
    const refused = cluster.problems().get(keyOf({ kind: 'McpServer', object: `${namespace}/${name}` }));
    // Not looked at yet.
    if (refused === undefined) return null;
    const former = object.status as Partial<McpServerStatus> | undefined;
    const problems = troubled.flatMap(([backend, { problem }]) =>
      backend.startsWith(`${server}/`) && problem !== null ? [problem] : [],
    );
    const input = { generation, server, refused, topology: known.get(server), problems };
    const status = statusOf(input, former, new Date(now()));
    return isDeepStrictEqual({ problem: null, ...former }, status) ? null : status;
  }

  async #writeOne({ object, status }: { object: McpServerObject; status: McpServerStatus }): Promise<void> {
    const { namespace = '', name = '' } = object.metadata ?? {};
    try {
      const { api, writeMs = WRITE_MS } = this.#options;
      await withinMs(writeMs, api.writeStatus(namespace, name, status), () => {
        throw new Error(`the API server did not answer within ${writeMs / 1000} s`);
      });
    } catch (error) {
      // It was deleted meanwhile.
      if ((error as { code?: unknown }).code !== 404) throw error;
    }
  }
}
