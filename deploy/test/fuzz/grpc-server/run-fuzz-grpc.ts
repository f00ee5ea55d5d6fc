import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { shippedLimits } from '../../attack/process-watch.ts';
import { nodeProgram } from '../../mesh/node-program.ts';
import { waitFor } from '../../mesh/wait-for.ts';
import { exactly, type Objective } from '../../report/objectives.ts';
import { GrpcClient, grpcFrame } from '../mesh/grpc-client.ts';
import { mutate, randomFrom } from '../mutate.ts';
import { converse } from './converse.ts';
import { conversation, EXPORT, LOG_MESSAGE } from './frames.ts';

export interface GrpcFuzzReport {
  objectives: Objective[];
  failures: { execution: number; problem: string; input: Buffer }[];
  peakMiB: number;
}

const WORKERS = 8;
const MAX_INPUT_BYTES = 96;

/** The input of one execution: it depends on the seed and its number alone. */
function inputOf(seed: number, execution: number, corpus: readonly Buffer[]): Buffer {
  if (execution < corpus.length) return corpus[execution] ?? Buffer.alloc(0);
  const random = randomFrom((seed ^ Math.imul(execution + 1, 0x9e3779b1)) >>> 0);
  const parent = corpus[Math.floor(random() * corpus.length)];
  if (parent && random() < 0.5) return mutate(parent, random, MAX_INPUT_BYTES);
  return Buffer.from(
    Array.from({ length: 1 + Math.floor(random() * MAX_INPUT_BYTES) }, () => Math.floor(random() * 256)),
  );
}

const peakMiB = (pid: number): number =>
  Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? Number.NaN) / 1024;

/** Mutated conversations with the sidecar's gRPC server, in a process of its own. What is late once is tried again alone, and only then counts. */
export async function runFuzzGrpc(options: {
  executions: number;
  seed: number;
  corpus: readonly Buffer[];
}): Promise<GrpcFuzzReport> {
  const { executions, seed, corpus } = options;
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-fuzz-grpc-'));
  const path = join(folder, 'grpc.sock');
  const { args, env } = nodeProgram('deploy/test/fuzz/grpc-server/server.ts', [path]);
  const [flag = '', program = '', ...rest] = args;
  const child = fork(program, rest, { env, execArgv: [flag], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const failures: GrpcFuzzReport['failures'] = [];
  const suspects: number[] = [];
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  const honest = new GrpcClient({ path });
  try {
    await once(child, 'message');
    const { pid = Number.NaN } = child;
    let next = 0,
      unanswered = 0;
    const worker = async (): Promise<void> => {
      while (next < executions && !hasEnded()) {
        const execution = next++;
        if ((await converse(path, conversation(inputOf(seed, execution, corpus)))) !== null) suspects.push(execution);
        if (execution % 16 === 0 && (await honest.call(EXPORT, grpcFrame(LOG_MESSAGE))) !== null) unanswered++;
      }
    };
    await Promise.all(Array.from({ length: WORKERS }, worker));
    for (const execution of suspects.slice(0, 50)) {
      if (hasEnded()) break;
      const input = inputOf(seed, execution, corpus);
      const problem = await converse(path, conversation(input));
      if (problem !== null) failures.push({ execution, problem, input });
    }
    honest.close();
    const peak = hasEnded() ? Number.NaN : peakMiB(pid);
    return {
      failures,
      peakMiB: peak,
      objectives: [
        { name: 'executions', goal: `≥ ${executions}`, measured: next, met: next >= executions },
        exactly('processes that ended', 0, hasEnded() ? 1 : 0),
        exactly('conversations without an answer or an end within 1 s, tried twice', 0, failures.length),
        exactly('calls of an honest peer without an answer within 1 s', 0, unanswered),
        exactly('calls that are left open', 0, hasEnded() ? Number.NaN : await callsLeft(child)),
        {
          name: 'peak of resident memory, MiB',
          goal: `≤ ${shippedLimits().sidecar}`,
          measured: Math.round(peak),
          met: peak <= shippedLimits().sidecar,
        },
      ],
    };
  } finally {
    honest.close();
    if (!hasEnded()) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    await rm(folder, { recursive: true, force: true });
  }
}

/** Calls that are open when all connections have ended; they may take a moment to. */
async function callsLeft(child: ChildProcess): Promise<number> {
  let left = Number.NaN;
  const onMessage = (message: unknown): void => {
    left = (message as { openCalls: number }).openCalls;
  };
  child.on('message', onMessage);
  try {
    await waitFor(
      () => {
        child.send('how many');
        return left === 0;
      },
      { what: 'all calls to end', timeoutMs: 5000 },
    );
  } catch {
    // The count says it.
  } finally {
    child.off('message', onMessage);
  }
  return left;
}
