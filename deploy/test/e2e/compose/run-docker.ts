import { spawn } from 'node:child_process';

export interface Ran {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** Runs a program to its end. Never throws for an exit code; a program that isn't there has 127. */
export function run(
  program: string,
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; timeoutMs?: number; cwd?: string } = {},
): Promise<Ran> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: options.timeoutMs ?? 300_000,
    });
    let stdout = '',
      stderr = '';
    child.stdout.on('data', (piece: Buffer) => {
      stdout += piece.toString();
    });
    child.stderr.on('data', (piece: Buffer) => {
      stderr += piece.toString();
    });
    child.on('error', (error) => resolve({ exitCode: 127, stdout, stderr: error.message }));
    child.on('close', (code) => resolve({ exitCode: code ?? 1, stdout, stderr }));
  });
}

/** @throws when it ends with another exit code than 0, with the end of what it said. */
export async function mustRun(
  program: string,
  args: readonly string[],
  options: Parameters<typeof run>[2] = {},
): Promise<string> {
  const { exitCode, stdout, stderr } = await run(program, args, options);
  if (exitCode !== 0)
    throw new Error(`${program} ${args.join(' ')} ended with ${exitCode}: ${(stderr || stdout).trim().slice(-1500)}`);
  return stdout;
}

/** The words that start Docker Compose on this machine, v2 before 1.29; or why there is none. */
export async function findCompose(): Promise<
  { kind: 'found'; words: [string, ...string[]] } | { kind: 'none'; why: string }
> {
  const daemon = await run('docker', ['info', '--format', '{{.ServerVersion}}'], { timeoutMs: 10_000 });
  if (daemon.exitCode !== 0)
    return {
      kind: 'none',
      why:
        daemon.exitCode === 127
          ? 'docker is not installed'
          : `docker does not answer (${daemon.stderr.trim().split('\n').at(-1)})`,
    };
  if ((await run('docker', ['compose', 'version'])).exitCode === 0)
    return { kind: 'found', words: ['docker', 'compose'] };
  if ((await run('docker-compose', ['version'])).exitCode === 0)
    return { kind: 'found', words: ['docker-compose', '--compatibility'] };
  return { kind: 'none', why: 'neither docker compose nor docker-compose is installed' };
}

/** Images that must be here already: a machine without a registry can't fetch them. A stand-in under `:latest` takes the pinned name. */
export async function missingImages(images: readonly string[]): Promise<string[]> {
  const missing: string[] = [];
  for (const image of images) {
    if ((await run('docker', ['image', 'inspect', image])).exitCode === 0) continue;
    const latest = `${image.split(':')[0]}:latest`;
    if ((await run('docker', ['tag', latest, image])).exitCode === 0) continue;
    if ((await run('docker', ['pull', '-q', image])).exitCode !== 0) missing.push(image);
  }
  return missing;
}
