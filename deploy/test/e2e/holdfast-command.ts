import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { REPOSITORY } from '../mesh/node-program.ts';
import { plainEnvironment } from '../mesh/managed-process.ts';

export interface Ran {
  code: number;
  out: string;
  err: string;
}

/** Runs `holdfast` as an operator would, against this admin port. */
export const holdfast = (adminUrl: string, ...args: string[]): Promise<Ran> =>
  new Promise((done) => {
    execFile(
      process.execPath,
      [resolve(REPOSITORY, 'control-plane/cli/bin.js'), '--admin', adminUrl, ...args],
      { env: plainEnvironment({}), maxBuffer: 16 << 20 },
      (error, out, err) => {
        done({ code: error ? Number(error.code) : 0, out, err });
      },
    );
  });
