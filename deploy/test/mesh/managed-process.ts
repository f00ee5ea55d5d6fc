import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { reaper } from './reaper.ts';
import { waitFor } from './wait-for.ts';

export interface ProcessSpec {
  /** How people know it: `gateway-1 envoy`, `linear-2`. */
  name: string;
  command: string;
  args: readonly string[];
  /** Whole environment; the default passes on what programs need to run at all and nothing that configures ours. */
  env?: NodeJS.ProcessEnv;
  /** Takes its standard output and error. */
  logFile: string;
  isReady: () => Promise<boolean>;
  readyTimeoutMs?: number;
}

export interface ProcessExit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** One child process in a group of its own, with its log in a file; ended by the reaper should this process end first. */
export class ManagedProcess {
  readonly spec: ProcessSpec;
  /** Called when it ends, once ready, without `stop`, `kill` or `restart` having asked for that. */
  onCrash: ((exit: ProcessExit, logTail: string) => void) | undefined;
  #child: ChildProcess | undefined;
  #exit: Promise<ProcessExit> = Promise.resolve({ code: null, signal: null });
  #isReportWanted = false;

  constructor(spec: ProcessSpec) {
    this.spec = spec;
  }

  get name(): string {
    return this.spec.name;
  }
  get pid(): number | undefined {
    return this.#child?.pid;
  }
  get isRunning(): boolean {
    return this.#child !== undefined;
  }
  /** Settles when the present life ends. */
  get exited(): Promise<ProcessExit> {
    return this.#exit;
  }

  /** Starts it and waits until it is ready; rejects with the end of its log when it ends first or takes too long. */
  async start(): Promise<this> {
    if (this.#child) throw new Error(`${this.name} runs already`);
    const { name, command, args, env, logFile, isReady, readyTimeoutMs = 90_000 } = this.spec;
    const log = openSync(logFile, 'a');
    const child = spawn(command, args, { detached: true, stdio: ['ignore', log, log], env: env ?? plainEnvironment() });
    closeSync(log);
    this.#child = child;
    this.#isReportWanted = false;
    if (child.pid !== undefined) reaper.add(child.pid);
    this.#exit = new Promise((resolve) => {
      const end = (exit: ProcessExit): void => {
        if (child.pid !== undefined) reaper.drop(child.pid);
        if (this.#child === child) this.#child = undefined;
        resolve(exit);
        if (this.#isReportWanted) this.onCrash?.(exit, this.logTail());
      };
      child.once('exit', (code, signal) => end({ code, signal }));
      // Without a pid it never ran (no such command); otherwise a signal could not be sent, which `exit` settles.
      child.once('error', () => {
        if (child.pid === undefined) end({ code: 127, signal: null });
      });
    });
    const stop = new AbortController();
    void this.#exit.then(({ code, signal }) =>
      stop.abort(new Error(`${name} ended (${signal ?? `exit code ${code}`}) before it was ready\n${this.logTail()}`)),
    );
    try {
      await waitFor(isReady, { what: `${name} ready`, timeoutMs: readyTimeoutMs, signal: stop.signal });
    } catch (error) {
      if (stop.signal.aborted) throw stop.signal.reason;
      await this.kill();
      throw new Error(`${(error as Error).message}\n${this.logTail()}`, { cause: error });
    }
    this.#isReportWanted = true;
    return this;
  }

  /** Ends its process group at once (SIGKILL), and waits for that. */
  async kill(): Promise<void> {
    this.#isReportWanted = false;
    this.#send('SIGKILL');
    await this.#exit;
  }

  /** Asks it to end (SIGTERM), and ends it after `graceMs`. */
  async stop(graceMs = 15_000): Promise<ProcessExit> {
    this.#isReportWanted = false;
    this.#send('SIGCONT');
    this.#send('SIGTERM');
    const timer = setTimeout(() => this.#send('SIGKILL'), graceMs);
    try {
      return await this.#exit;
    } finally {
      clearTimeout(timer);
    }
  }

  async restart(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<this> {
    await (signal === 'SIGKILL' ? this.kill() : this.stop());
    return this.start();
  }

  /** It keeps its sockets and answers nothing, until `resume`. */
  pause(): void {
    this.#send('SIGSTOP');
  }
  resume(): void {
    this.#send('SIGCONT');
  }

  log(): string {
    try {
      return readFileSync(this.spec.logFile, 'utf8');
    } catch {
      return '';
    }
  }

  /** Last lines of its log, to explain an end. */
  logTail(lines = 15): string {
    return this.log().trimEnd().split('\n').slice(-lines).join('\n');
  }

  #send(signal: NodeJS.Signals): void {
    if (this.pid === undefined) return;
    try {
      process.kill(-this.pid, signal);
    } catch (error) {
      // It ended a moment ago.
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

/** What programs need to run, without our own settings: a test's mesh must not depend on the developer's shell. */
export function plainEnvironment(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR, LANG } = process.env;
  return {
    ...Object.fromEntries(Object.entries({ PATH, HOME, TMPDIR, LANG }).filter(([, value]) => value !== undefined)),
    ...more,
  };
}
