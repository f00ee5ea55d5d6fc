import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import type { StartedAs } from './install.ts';

/** A running foreign client: commands as lines go in, outcomes as lines come out. */
export interface ClientProgram {
  input: Writable;
  output: Readable;
  /** Called once, with what it said last. */
  onEnd(ended: (why: string) => void): void;
  /** Ends it as SIGKILL does, and waits until it is gone. */
  kill(): Promise<void>;
}

/** The end of what a process writes to stderr. */
export function lastWords(child: ChildProcessWithoutNullStreams): () => string {
  let text = '';
  child.stderr.on('data', (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-2000);
  });
  return () => text;
}

export async function killed(child: ChildProcessWithoutNullStreams): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  child.once('exit', () => resolve());
  child.kill('SIGKILL');
  await promise;
}

/** A program as a process of its own. */
export function spawnProgram({ command, args }: StartedAs, env: NodeJS.ProcessEnv = {}): ClientProgram {
  const child = spawn(command, args, { stdio: 'pipe', env: { ...process.env, ...env } });
  const said = lastWords(child);
  return {
    input: child.stdin,
    output: child.stdout,
    onEnd(ended) {
      child.once('error', (error) => ended(error.message));
      child.once('exit', () => ended(said() || 'the process ended'));
    },
    kill: () => killed(child),
  };
}
