import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../mesh/free-port.ts';
import { ManagedProcess, plainEnvironment } from '../../mesh/managed-process.ts';
import { temporaryFolder } from '../../mesh/temporary-folder.ts';
import { isListening } from '../../mesh/wait-for.ts';
import { installPackage } from '../../packages/install-package.ts';
import type { Peer, RunningPeer, SkippedPeer, Stage } from './peer.ts';
import { filled, readPeerFile, type PeerFile } from './peer-file.ts';

/** Debian puts balancers where only root's PATH looks. */
const PATH = `${process.env['PATH'] ?? ''}:/usr/sbin`;
const VERSION = /\d+\.\d+[\w.+~-]*/;

/** A process and all that it started, however deep. */
function family(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc').filter((each) => /^\d+$/.test(each))) {
    try {
      // The name of the program stands in parentheses and may have any letters; state and parent follow it.
      const parent = Number(readFileSync(`/proc/${name}/stat`, 'utf8').split(') ').at(-1)?.split(' ')[1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
    } catch {
      // It ended while the list was read.
    }
  }
  const all = [root];
  for (const pid of all) all.push(...(children.get(pid) ?? []));
  return all;
}

/** What the version command prints, on whichever of its outputs; an error that says what is missing. */
function versionOf(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(command, args, { env, timeout: 60_000 }, (error, stdout, stderr) => {
      const version = VERSION.exec(`${stdout}\n${stderr}`)?.[0];
      if (version !== undefined) resolve(version);
      else reject(new Error(error?.code === 'ENOENT' ? `${command} is not on PATH` : `${command} prints no version`));
    });
  });
}

/** The peer that a description file names; why it is left out where its program is missing. Throws for a file that is no description. */
export async function filePeer(name: string, path: string): Promise<Peer | SkippedPeer> {
  const file = readPeerFile(path);
  let bin = '';
  if (file.python !== undefined) {
    const installed = await installPackage({ language: 'python', requirements: [file.python] });
    if ('missing' in installed) return { name, why: `${file.python} could not be installed: ${installed.missing}` };
    bin = join(installed.folder, 'bin');
  }
  const env = plainEnvironment({ PATH, ...file.env });
  const [program = '', ...args] = file.version.map((word) => word.replaceAll('{bin}', bin));
  try {
    const version = await versionOf(program, args, env);
    const { configuration } = file;
    return { name, version, configuration, start: (stage) => startFilePeer(name, file, { bin, env }, stage) };
  } catch (error) {
    return { name, why: `${(error as Error).message}: ${file.install}` };
  }
}

async function startFilePeer(
  name: string,
  file: PeerFile,
  { bin, env }: { bin: string; env: NodeJS.ProcessEnv },
  { mesh, server, envelope }: Stage,
): Promise<RunningPeer> {
  const folder = await temporaryFolder('holdfast-peer-');
  const replicas = mesh.replicasOf(server),
    port = await freePort();
  const filling = {
    port,
    folder: folder.path,
    bin,
    threads: availableParallelism(),
    envelope: `http://127.0.0.1:${envelope.port}${envelope.path}`,
    replicas: replicas.map(({ address }) => address),
  };
  for (const [each, text] of Object.entries(file.files))
    await writeFile(join(folder.path, each), filled(text, filling));
  const [command = '', ...args] = file.command.map((word) => filled(word, filling));
  const process = new ManagedProcess({
    name,
    command,
    args,
    env,
    logFile: join(folder.path, 'peer.log'),
    isReady: () => isListening(port),
  });
  try {
    await process.start();
  } catch (error) {
    await folder.remove();
    throw error;
  }
  const own = (): number[] => (process.pid === undefined ? [] : family(process.pid));
  const needsEnvelope = JSON.stringify(file).includes('{envelope}');
  return {
    port,
    path: file.path,
    pids: () => (needsEnvelope ? [...own(), ...envelope.pids()] : own()),
    replicas,
    async close() {
      // Some start their children in groups of their own: those get no signal with the first one's group.
      const all = own();
      await process.stop(3000);
      for (const pid of all) end(pid);
      await folder.remove();
    },
  };
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended with its parent.
  }
}
