import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { temporaryFolder, type TemporaryFolder } from '../../mesh/temporary-folder.ts';
import { type ClientProgram, killed, lastWords } from './client-program.ts';
import { FOREIGN_KINDS, FOREIGN_PACKAGES, type ForeignKind } from './foreign-kinds.ts';
import { findForeignClient, type StartedAs } from './install.ts';

/**
 * A Python client that has imported its package once, and forks for each connection to its socket. An import takes 2 s of CPU: 36 cells of a table
 * are more than a minute of nothing else for each client.
 */
export class ForkServer {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #folder: TemporaryFolder;
  readonly #said: () => string;

  private constructor(started: StartedAs, folder: TemporaryFolder) {
    this.#folder = folder;
    this.#child = spawn(started.command, [...started.args, this.#socket], { stdio: 'pipe' });
    this.#said = lastWords(this.#child);
  }

  get #socket(): string {
    return join(this.#folder.path, 'client.sock');
  }

  /** Throws when the program ends before it listens. */
  static async start(started: StartedAs): Promise<ForkServer> {
    const server = new ForkServer(started, await temporaryFolder('holdfast-client-'));
    const child = server.#child;
    const ends = Promise.withResolvers<never>();
    child.once('error', ends.reject);
    child.once('exit', () => ends.reject(new Error(server.#said() || 'the process ended')));
    ends.promise.catch(() => undefined); // Later it ends by `close`.
    await Promise.race([once(createInterface({ input: child.stdout }), 'line'), ends.promise]);
    return server;
  }

  async fork(): Promise<ClientProgram> {
    const socket = connect(this.#socket);
    socket.on('error', () => undefined); // 'close' follows.
    await once(socket, 'connect');
    return {
      input: socket,
      output: socket,
      onEnd: (ended) => socket.once('close', () => ended(this.#said() || 'the process ended')),
      // Its own process sees that nobody reads or writes any more, and is gone at once.
      async kill() {
        if (socket.destroyed) return;
        socket.destroy();
        await once(socket, 'close');
      },
    };
  }

  async close(): Promise<void> {
    await killed(this.#child);
    await this.#folder.remove();
  }
}

export type ForkServers = ReadonlyMap<ForeignKind, ForkServer>;

/** One for each Python client that this machine has. */
export async function startForkServers(): Promise<ForkServers> {
  const servers = new Map<ForeignKind, ForkServer>();
  for (const kind of FOREIGN_KINDS) {
    const started = FOREIGN_PACKAGES[kind].language === 'python' ? findForeignClient(kind) : null;
    if (started !== null) servers.set(kind, await ForkServer.start(started));
  }
  return servers;
}
