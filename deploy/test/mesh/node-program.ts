import { extname, resolve } from 'node:path';
import { plainEnvironment } from './managed-process.ts';

export const REPOSITORY = resolve(import.meta.dirname, '../../..');

/** In an installed package the programs are JavaScript, as this file is. */
const inThisForm = (program: string): string => program.replace(/\.ts$/, extname(import.meta.filename));

/** How a TypeScript program of this repository is started: this Node, and an environment that keeps compiled sources for the next start. */
export function nodeProgram(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  nodeFlags: readonly string[] = [],
): { command: string; args: string[]; env: NodeJS.ProcessEnv } {
  return {
    command: process.execPath,
    args: ['--disable-warning=ExperimentalWarning', ...nodeFlags, resolve(REPOSITORY, inThisForm(program)), ...args],
    env: plainEnvironment({ NODE_COMPILE_CACHE: resolve(REPOSITORY, '.holdfast/compile-cache'), ...env }),
  };
}
