import { execFile } from 'node:child_process';
import { resolve } from 'node:path';

export const root = resolve(import.meta.dirname, '../../..');
/** A report of every break in the repository is some hundred kilobytes long. */
const MAX_BYTES = 64 * 1024 * 1024;

export interface ToolResult {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a Node program of `node_modules` at the repository's root. Resolves with its output, also when it ends with a code other than 0. */
export function runTool(
  program: string,
  args: readonly string[],
  nodeOptions: readonly string[] = [],
): Promise<ToolResult> {
  return new Promise((done, failed) => {
    execFile(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', ...nodeOptions, resolve(root, 'node_modules', program), ...args],
      { cwd: root, maxBuffer: MAX_BYTES },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : error.code;
        if (typeof code === 'number') done({ code, stdout, stderr });
        else failed(error as Error);
      },
    );
  });
}

/** The JSON that a tool printed. Throws with the tool's own words when it printed something else. */
export function readReport<T>(tool: string, { stdout, stderr }: ToolResult): T {
  try {
    return JSON.parse(stdout) as T;
  } catch {
    throw new Error(`${tool} printed no report: ${(stderr || stdout).trim().slice(0, 2000)}`);
  }
}
