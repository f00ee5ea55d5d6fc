import { connect } from 'node:net';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureRedis } from '../../setup/binaries.ts';
import { freePort, freePorts } from './free-port.ts';
import { ManagedProcess } from './managed-process.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { waitFor } from './wait-for.ts';

export interface RedisOptions {
  /** Where logs and data go; a temporary folder of its own when absent, removed by `close`. */
  folder?: string;
  name?: string;
  port?: number;
  /** Append-only file, so that a restart keeps the data. */
  isPersistent?: boolean;
  /** Port of the primary that this one copies. */
  replicaOf?: number;
  /** Its users. */
  aclFile?: string;
}

export interface Redis {
  port: number;
  url: string;
  process: ManagedProcess;
  /** With those of a replica and sentinels. */
  processes: ManagedProcess[];
  close(): Promise<void>;
}

/** One Redis server on loopback. */
export async function startRedis(options: RedisOptions = {}): Promise<Redis> {
  const own = options.folder === undefined ? await temporaryFolder() : undefined;
  const folder = options.folder ?? own!.path;
  const { name = 'redis', port = await freePort(), isPersistent = false, replicaOf, aclFile } = options;
  const data = join(folder, name);
  await mkdir(data, { recursive: true });
  const args = [
    '--port',
    String(port),
    '--bind',
    '127.0.0.1',
    '--dir',
    data,
    '--save',
    '',
    '--appendonly',
    isPersistent ? 'yes' : 'no',
    '--daemonize',
    'no',
    ...(replicaOf === undefined ? [] : ['--replicaof', '127.0.0.1', String(replicaOf)]),
    ...(aclFile === undefined ? [] : ['--aclfile', aclFile]),
  ];
  const process = new ManagedProcess({
    name,
    command: await ensureRedis(),
    args,
    logFile: join(folder, `${name}.log`),
    // With users it asks for a password first, which shows as well that it is there.
    isReady: async () => /^(\+PONG|-NOAUTH)/.test(await redisAnswer(port, 'PING')),
  });
  await startOrRemove(process, own?.remove);
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    process,
    processes: [process],
    close: () => closeAll([process], own?.remove),
  };
}

export interface SentinelRedis extends Redis {
  replica: Redis;
  sentinels: ManagedProcess[];
  /** Port of the present primary, as the sentinels see it. */
  primaryPort(): Promise<number>;
}

/**
 * A primary, a replica and three sentinels. A primary that is silent for two seconds is replaced; a busy machine keeps
 * a living one silent for less.
 */
export async function startSentinelRedis(options: { folder?: string } = {}): Promise<SentinelRedis> {
  const own = options.folder === undefined ? await temporaryFolder() : undefined;
  const folder = options.folder ?? own!.path;
  const started: ManagedProcess[] = [];
  try {
    const primary = await startRedis({ folder, name: 'redis-primary' });
    started.push(primary.process);
    const replica = await startRedis({ folder, name: 'redis-replica', replicaOf: primary.port });
    started.push(replica.process);
    const ports = await freePorts(3);
    const sentinels = await Promise.all(
      ports.map((port, index) => startSentinel(folder, `sentinel-${index + 1}`, port, primary.port)),
    );
    started.push(...sentinels);
    // A failover needs sentinels that know each other and the replica.
    await waitFor(
      async () =>
        (await Promise.all(ports.map((port) => redisAnswer(port, 'SENTINEL MASTER holdfast')))).every(
          (text) => field(text, 'num-slaves') === '1' && field(text, 'num-other-sentinels') === '2',
        ),
      { what: 'sentinels agree' },
    );
    return {
      port: primary.port,
      process: primary.process,
      processes: started,
      replica,
      sentinels,
      url: `redis+sentinel://${ports.map((port) => `127.0.0.1:${port}`).join(',')}/holdfast`,
      primaryPort: async () =>
        Number(/\r\n(\d+)\r\n$/.exec(await redisAnswer(ports[0]!, 'SENTINEL GET-MASTER-ADDR-BY-NAME holdfast'))?.[1]),
      close: () => closeAll(started, own?.remove),
    };
  } catch (error) {
    await closeAll(started, own?.remove);
    throw error;
  }
}

async function startSentinel(folder: string, name: string, port: number, primaryPort: number): Promise<ManagedProcess> {
  // A sentinel writes what it learns into its own configuration file.
  const file = join(folder, `${name}.conf`);
  await writeFile(
    file,
    [
      `port ${port}`,
      'bind 127.0.0.1',
      `dir ${folder}`,
      `sentinel monitor holdfast 127.0.0.1 ${primaryPort} 2`,
      'sentinel down-after-milliseconds holdfast 2000',
      'sentinel failover-timeout holdfast 2000',
      '',
    ].join('\n'),
  );
  return new ManagedProcess({
    name,
    command: await ensureRedis(),
    args: [file, '--sentinel'],
    logFile: join(folder, `${name}.log`),
    isReady: async () => (await redisAnswer(port, 'PING')).startsWith('+PONG'),
  }).start();
}

const field = (text: string, name: string): string | undefined =>
  new RegExp(`\\r\\n${name}\\r\\n\\$\\d+\\r\\n([^\\r]*)`).exec(text)?.[1];

const UNKNOWN_QUIT = /-ERR unknown command 'QUIT'[^\r]*\r\n$/;

/** Raw answer to one inline command, without a client library: for readiness and for what tests look at. Rejects when nobody answers. */
export function redisAnswer(port: number, command: string, timeoutMs = 5000): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    // QUIT makes the server close the connection after the answer, which marks its end.
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write(`${command}\r\nQUIT\r\n`));
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    socket.setEncoding('utf8').on('data', (part: string) => {
      text += part;
      // A Sentinel of Redis 7 and later knows no QUIT, and says so.
      if (UNKNOWN_QUIT.test(text)) socket.destroy();
    });
    socket.once('error', reject);
    socket.once('close', () =>
      text === ''
        ? reject(new Error('closed without an answer'))
        : resolve(text.replace(/\+OK\r\n$/, '').replace(UNKNOWN_QUIT, '')),
    );
  });
}

async function startOrRemove(process: ManagedProcess, remove?: () => Promise<void>): Promise<void> {
  try {
    await process.start();
  } catch (error) {
    await remove?.();
    throw error;
  }
}

async function closeAll(processes: readonly ManagedProcess[], remove?: () => Promise<void>): Promise<void> {
  await Promise.all(processes.map((process) => process.kill()));
  await remove?.();
}
