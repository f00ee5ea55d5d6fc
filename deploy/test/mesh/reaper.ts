import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { join } from 'node:path';
import type { Writable } from 'node:stream';

/**
 * One `reaper.sh` per Node process: whatever way this process ends, a crash or SIGKILL included, the process groups and folders
 * registered here end with it.
 */
let child: ChildProcessByStdio<Writable, null, null> | undefined;

function tell(line: string): void {
  if (!child) {
    child = spawn('/bin/sh', [join(import.meta.dirname, 'reaper.sh')], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    // Neither keeps this process from ending; without a listener a write after its end would be an uncaught error.
    child.unref();
    child.stdin.on('error', () => {});
    (child.stdin as Writable & { unref(): void }).unref();
  }
  child.stdin.write(`${line}\n`);
}

export const reaper = {
  add: (processGroup: number): void => tell(`add ${processGroup}`),
  drop: (processGroup: number): void => tell(`drop ${processGroup}`),
  addFolder: (path: string): void => tell(`folder ${path}`),
  dropFolder: (path: string): void => tell(`keep ${path}`),
};
