import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ip = (...args: string[]) => run('ip', args);

export interface Machine {
  namespace: string;
  address: string;
}

/**
 * Two machines, each a network namespace, and this machine on one switch. The switch is a namespace too, so that
 * nothing of this machine's firewall is in the way.
 */
export interface Network {
  machines: [Machine, Machine];
  own: string;
  subnet: string;
  close(): Promise<void>;
}

/** Why there can't be one here; null when there can. */
export async function whyNoNetwork(): Promise<string | null> {
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  if (
    !(await run('keepalived', ['--version']).then(
      () => true,
      () => false,
    ))
  )
    return 'keepalived is not installed (apt-get install keepalived)';
  const name = `hfprobe${process.pid % 10_000}`;
  try {
    await ip('netns', 'add', name);
    await ip('netns', 'del', name);
    return null;
  } catch (error) {
    return `no network namespace can be made: ${(error as Error).message.split('\n')[0]}`;
  }
}

export async function startNetwork(): Promise<Network> {
  const id = process.pid % 10_000,
    subnet = `10.231.${id % 250}`,
    names = ['s', 'a', 'b'].map((each) => `hf${id}${each}`),
    [hub, ...rest] = names as [string, string, string];
  const close = async (): Promise<void> => {
    for (const name of names) await ip('netns', 'del', name).catch(() => undefined);
    await ip('link', 'del', `hf${id}r`).catch(() => undefined);
  };
  try {
    for (const name of names) {
      await ip('netns', 'add', name);
      await ip('-n', name, 'link', 'set', 'lo', 'up');
    }
    await ip('-n', hub, 'link', 'add', 'br0', 'type', 'bridge');
    await ip('-n', hub, 'link', 'set', 'br0', 'up');
    const plug = async (port: string): Promise<void> => {
      await ip('-n', hub, 'link', 'set', port, 'master', 'br0');
      await ip('-n', hub, 'link', 'set', port, 'up');
    };
    await ip('link', 'add', `hf${id}r`, 'type', 'veth', 'peer', 'name', 'p0', 'netns', hub);
    await ip('addr', 'add', `${subnet}.1/24`, 'dev', `hf${id}r`);
    await ip('link', 'set', `hf${id}r`, 'up');
    await plug('p0');
    const machines: Machine[] = [];
    for (const [index, namespace] of rest.entries()) {
      await ip('-n', hub, 'link', 'add', `p${index + 1}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace);
      const address = `${subnet}.${index + 2}`;
      await ip('-n', namespace, 'addr', 'add', `${address}/24`, 'dev', 'eth0');
      await ip('-n', namespace, 'link', 'set', 'eth0', 'up');
      await plug(`p${index + 1}`);
      machines.push({ namespace, address });
    }
    return { machines: machines as [Machine, Machine], own: `${subnet}.1`, subnet, close };
  } catch (error) {
    await close();
    throw error;
  }
}
