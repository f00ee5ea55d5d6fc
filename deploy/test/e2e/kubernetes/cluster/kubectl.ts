import { spawn } from 'node:child_process';

export interface KubectlOptions {
  /** What it reads from standard input. */
  input?: string;
  /** After which it is ended. Default 120 s. */
  timeoutMs?: number;
}

/** `kubectl` with an administrator's kubeconfig. */
export class Kubectl {
  readonly #kubeconfig: string;

  constructor(kubeconfig: string) {
    this.#kubeconfig = kubeconfig;
  }

  /** What it printed. Rejects with its messages when it fails. */
  run(args: readonly string[], { input = '', timeoutMs = 120_000 }: KubectlOptions = {}): Promise<string> {
    return new Promise((resolve, reject) => {
      const child = spawn('kubectl', ['--kubeconfig', this.#kubeconfig, ...args], { timeout: timeoutMs });
      let output = '',
        messages = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
      child.stderr.setEncoding('utf8').on('data', (text: string) => (messages += text));
      child.once('error', reject);
      child.once('close', (code, signal) => {
        if (code === 0) resolve(output);
        else reject(new Error(`kubectl ${args.join(' ')} (${signal ?? code}): ${messages.trim().slice(-1000)}`));
      });
      child.stdin.end(input);
    });
  }

  async get<T>(...args: string[]): Promise<T> {
    return JSON.parse(await this.run(['get', ...args, '--output=json'])) as T;
  }

  /** Server-side apply of manifests, as YAML or JSON. */
  apply(manifests: string): Promise<string> {
    return this.run(['apply', '--server-side', '--force-conflicts', '--filename=-'], { input: manifests });
  }

  /** Until every pod of the workload, `deploy/NAME` or so, is new and ready. */
  async rolledOut(namespace: string, workload: string, timeoutMs = 240_000): Promise<void> {
    await this.run(['--namespace', namespace, 'rollout', 'status', workload, `--timeout=${timeoutMs}ms`], {
      timeoutMs: timeoutMs + 10_000,
    });
  }

  /** Restarts a workload as people do, and waits for the end. */
  async restart(namespace: string, workload: string, timeoutMs?: number): Promise<void> {
    await this.run(['--namespace', namespace, 'rollout', 'restart', workload]);
    await this.rolledOut(namespace, workload, timeoutMs);
  }
}
