import { execFile } from 'node:child_process';

export type CommandResult = { kind: 'done'; stdout: string } | { kind: 'failed'; why: string };

/** Runs a command to its end. A command that is missing, fails or takes longer than `timeoutMs` is a value, not an exception. */
export function runCommand(command: string, args: readonly string[], timeoutMs: number): Promise<CommandResult> {
  return new Promise((resolve) => {
    execFile(command, args, { encoding: 'utf8', timeout: timeoutMs, maxBuffer: 1 << 24 }, (error, stdout, stderr) => {
      if (!error) resolve({ kind: 'done', stdout });
      else if (error.code === 'ENOENT') resolve({ kind: 'failed', why: `${command} is not on this machine` });
      else if (error.killed) resolve({ kind: 'failed', why: `${command} took longer than ${timeoutMs / 1000} s` });
      else resolve({ kind: 'failed', why: stderr.trim().split('\n').at(-1) || error.message });
    });
  });
}
