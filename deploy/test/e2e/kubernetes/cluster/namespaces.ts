import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rmdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const CGROUPS = '/sys/fs/cgroup';
/** Path of the group that all pods of a node of this run are in. */
export const cgroupOf = (folder: string, node: string): string => `/${basename(folder)}-${node}`;

/** The address of the machine that the namespaces make; both of its nodes have it. */
export const MACHINE_ADDRESS = '10.240.0.10';
export const MACHINE_ADDRESS_6 = 'fd00:10:240::10';

/**
 * Runs a program of ours in mount, network and process namespaces that it has to itself: whatever runs or is mounted there ends with it.
 * Gives its exit code.
 */
export async function inNamespaces(program: string, args: readonly string[]): Promise<number> {
  // Something has to collect the processes that containers leave behind; a shell that waits does.
  const child = spawn(
    'unshare',
    [
      ...['--mount', '--net', '--pid', '--fork', '--mount-proc', '--propagation', 'slave', '--kill-child=SIGKILL'],
      ...['bash', '-c', '"$@" <&0 & wait $!', 'bash', process.execPath, program, ...args],
    ],
    { stdio: 'inherit', detached: true },
  );
  const end = (): void => void child.kill('SIGKILL');
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, end);
  process.once('exit', end);
  const [code] = (await once(child, 'close')) as [number | null];
  return code ?? 130;
}

/** Within the namespaces: addresses, forwarding, and the places that Kubernetes writes to, which become our own. */
export async function makeMachine(folder: string): Promise<void> {
  // This process's address is on a pair whose two ends are both here: not every kernel has dummy devices.
  const links = [
    'link set lo up',
    'link add node0 type veth peer name node0p',
    'link set node0p up',
    `addr add ${MACHINE_ADDRESS}/24 dev node0`,
    `addr add ${MACHINE_ADDRESS_6}/64 dev node0 nodad`,
    'link set node0 up',
    'route add default via 10.240.0.1 dev node0 onlink',
    '-6 route add default via fd00:10:240::1 dev node0 onlink',
  ];
  for (const link of links) await run('ip', link.split(' '));
  for (const [setting, value] of [
    ['net/ipv4/ip_forward', '1'],
    ['net/ipv6/conf/all/forwarding', '1'],
    ['net/ipv4/conf/all/rp_filter', '0'],
  ] as const)
    await writeFile(`/proc/sys/${setting}`, value);
  // The kubelet sets these for the whole machine. It may write, and the machine's stay as they are.
  await mkdir(join(folder, 'sysctl'), { recursive: true });
  for (const [setting, value] of [
    ['vm/overcommit_memory', '1'],
    ['kernel/panic', '10'],
    ['kernel/panic_on_oops', '1'],
  ] as const) {
    const file = join(folder, 'sysctl', setting.replace('/', '.'));
    await writeFile(file, `${value}\n`);
    await run('mount', ['--bind', file, `/proc/sys/${setting}`]);
  }
  for (const path of ['/run', '/var/log', '/var/lib']) await run('mount', ['-t', 'tmpfs', 'tmpfs', path]);
  await run('mount', ['--make-rshared', '/']);
}

/** Makes the group of a node's pods in each hierarchy. `shares`: its weight against one process of this machine, which has 1,024. */
export async function makeCgroup(path: string, shares: number): Promise<void> {
  for (const hierarchy of await readdir(CGROUPS)) {
    const group = join(CGROUPS, hierarchy, path);
    await mkdir(group, { recursive: true });
    if (hierarchy === 'cpu') await writeFile(join(group, 'cpu.shares'), String(shares));
    if (hierarchy !== 'cpuset') continue;
    for (const what of ['cpuset.cpus', 'cpuset.mems'])
      await writeFile(join(group, what), await readFile(join(CGROUPS, hierarchy, what), 'utf8'));
  }
}

/** Removes the groups of a run, once its processes are gone. */
export async function removeCgroups(folder: string): Promise<void> {
  const prefix = basename(folder);
  for (const hierarchy of await readdir(CGROUPS)) {
    const groups = await readdir(join(CGROUPS, hierarchy)).catch(() => []);
    for (const group of groups) if (group.startsWith(prefix)) await removeTree(join(CGROUPS, hierarchy, group));
  }
}

async function removeTree(group: string): Promise<void> {
  for (const entry of await readdir(group, { withFileTypes: true }))
    if (entry.isDirectory()) await removeTree(join(group, entry.name));
  await rmdir(group).catch(() => {});
}
