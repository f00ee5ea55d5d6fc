import { cp, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ManagedProcess, type ProcessSpec } from '../mesh/managed-process.ts';
import { REPOSITORY } from '../mesh/node-program.ts';
import { temporaryFolder, type TemporaryFolder } from '../mesh/temporary-folder.ts';

/**
 * What the next version does otherwise, as changes of its sources. It has session records of version 3 with a field
 * more, and more in each message between processes.
 */
const CHANGES: ReadonlyArray<[file: string, from: string, to: string]> = [
  ['package.json', '"version": "0.1.0"', '"version": "0.2.0"'],
  ['proto/session-record.ts', 'RECORD_VERSION = 2;', 'RECORD_VERSION = 3;'],
  ['proto/session-record.ts', 'PLAIN_RECORD_VERSION = 1;', 'PLAIN_RECORD_VERSION = 3;'],
  ['proto/compact-record.ts', 'Object.entries(record)', "Object.entries({ ...record, region: 'of the next version' })"],
  [
    'sidecar/session/record-codec.ts',
    'return JSON.stringify(record);',
    "return JSON.stringify({ ...record, region: 'of the next version' });",
  ],
  ['sidecar/parts/node.ts', 'atMs: Date.now(),', "atMs: Date.now(), region: 'of the next version',"],
  [
    'proto/server-policy.ts',
    'serverPolicySchema = z.object({',
    "serverPolicySchema = z.object({ regionOfNextVersion: z.string().default('here'),",
  ],
];

/** The sources of Holdfast N+1 in a folder of their own, made from the ones that are here. */
export async function laterVersion(): Promise<TemporaryFolder> {
  const folder = await temporaryFolder('holdfast-later-');
  for (const name of ['sidecar', 'control-plane', 'proto', 'envoy', 'package.json']) {
    await cp(join(REPOSITORY, name), join(folder.path, name), {
      recursive: true,
      filter: (path) => !/\.test\.ts$|\/golden(\/|$)/.test(path.slice(REPOSITORY.length)),
    });
  }
  await symlink(join(REPOSITORY, 'node_modules'), join(folder.path, 'node_modules'));
  for (const [file, from, to] of CHANGES) {
    const path = join(folder.path, file),
      text = await readFile(path, 'utf8');
    if (!text.includes(from))
      throw new Error(`${file} has no “${from}” any more: the next version can’t be made from it`);
    await writeFile(path, text.replace(from, to));
  }
  return folder;
}

/** Ends a process and starts the other version's program with the same arguments, as a rolling upgrade does. Killed with this process, if not before. */
export async function replace(
  slot: { process: ManagedProcess },
  folder: string,
  onStarted: (process: ManagedProcess) => void,
): Promise<void> {
  if (slot.process.isRunning) await slot.process.stop();
  const spec: ProcessSpec = slot.process.spec;
  const isProgram = (argument: string): boolean => /\/(sidecar|control-plane)\/main\.ts$/.test(argument);
  const program = (argument: string): string => join(folder, argument.split('/').slice(-2).join('/'));
  slot.process = new ManagedProcess({
    ...spec,
    args: spec.args.map((argument) => (isProgram(argument) ? program(argument) : argument)),
  });
  await slot.process.start();
  onStarted(slot.process);
}
