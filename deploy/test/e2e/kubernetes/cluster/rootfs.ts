import { execFile } from 'node:child_process';
import { chown, copyFile, cp, mkdir, realpath, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { packagedFile, packagesEnvironment } from './debian.ts';

const run = promisify(execFile);
/** What the manifests' probes and hooks call, out of this machine's own files: no image can be pulled here. */
const TOOLS = ['bash', 'sleep', 'env', 'cat', 'ls', 'touch', 'rm', 'test', 'date', 'timeout'];
/** The user of the manifests. */
const USER = 1000;

/** What every image of the cluster has below: a shell, Node, Envoy, Redis, and the libraries that these load. */
export async function makeRootfs(
  to: string,
  programs: { envoy: string; redis: string; coredns: string },
): Promise<void> {
  await Promise.all(
    ['usr/bin', 'usr/local/bin', 'etc', 'tmp', 'proc', 'sys', 'dev', 'app', 'run/holdfast', 'var/lib/holdfast'].map(
      (each) => mkdir(join(to, each), { recursive: true }),
    ),
  );
  const files = [
    ...(await Promise.all(
      TOOLS.map(async (name) => [await realpath(`/usr/bin/${name}`), `/usr/bin/${name}`] as const),
    )),
    [process.execPath, '/usr/local/bin/node'],
    [programs.envoy, '/usr/local/bin/envoy'],
    [programs.redis, '/usr/local/bin/redis-server'],
    [packagedFile('usr/bin/redis-cli'), '/usr/local/bin/redis-cli'],
    [programs.coredns, '/coredns'],
  ] as const;
  const libraries = new Map<string, string>();
  for (const [from, at] of files) {
    await copyFile(from, join(to, at));
    for (const [path, file] of await librariesOf(from)) libraries.set(path, file);
  }
  for (const [path, file] of libraries) {
    await mkdir(join(to, dirname(path)), { recursive: true });
    await cp(file, join(to, path), { dereference: true });
  }
  await symlink('usr/bin', join(to, 'bin'));
  await symlink('bash', join(to, 'usr/bin/sh'));
  await writeFile(join(to, 'etc/passwd'), `root:x:0:0::/:/bin/sh\nnode:x:${USER}:${USER}::/:/bin/sh\n`);
  await writeFile(join(to, 'etc/nsswitch.conf'), 'hosts: files dns\n');
  for (const each of ['run/holdfast', 'var/lib/holdfast']) await chown(join(to, each), USER, USER);
  await run('chmod', ['1777', join(to, 'tmp')]);
}

/** Where a program looks for each of its libraries, and the file that is there; the loader itself is one of them. */
async function librariesOf(program: string): Promise<Array<[string, string]>> {
  const { stdout } = await run('ldd', [program], { env: packagesEnvironment() }).catch(() => ({ stdout: '' }));
  const lines = [...stdout.matchAll(/^\s*(?:(\S+) => )?(\/\S+) \(/gm)];
  const standard = dirname(lines.find(([, name]) => name?.startsWith('libc.so'))?.[2] ?? '/lib/libc.so');
  return lines.map(([, name, path = '']) => [name === undefined ? path : join(standard, basename(path)), path]);
}
