import { existsSync } from 'node:fs';
import { mkdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { unpackDebianPackage } from '../../../../setup/debian-binaries.ts';
import { plainEnvironment } from '../../../mesh/managed-process.ts';
import { programFolder } from '../binaries.ts';

/** What a node is made of besides Kubernetes' own programs, and the libraries that a small machine may lack. */
const PACKAGES = [
  'containerd',
  'runc',
  'libseccomp2',
  'containernetworking-plugins',
  ...['nftables', 'libnftables1', 'libnftnl11', 'libmnl0', 'libjansson4', 'libedit2', 'libbsd0', 'libmd0'],
  ...['iptables', 'libxtables12', 'ipset', 'libipset13'],
  ...['redis-tools', 'liblzf1', 'libjemalloc2'],
];
/** One program of iptables does the work of all of these, by the name that it is called by. */
const IPTABLES = ['', '-save', '-restore'].flatMap((suffix) => [`iptables${suffix}`, `ip6tables${suffix}`]);

const root = (): string => join(programFolder(), 'debian');
const folders = (...inside: readonly string[]): string[] =>
  PACKAGES.flatMap((name) => inside.map((each) => join(root(), name, each)));
const links = (): string => join(root(), 'links');

/** Downloads each package once and takes it apart in the cache; nothing is installed. Undefined when all are there, else which is not, and why. */
export async function unpackPackages(say: (line: string) => void): Promise<string | undefined> {
  for (const name of PACKAGES) {
    if (existsSync(join(root(), name))) continue;
    say(`${name}: taking it from its Debian package …`);
    const why = await unpackDebianPackage(name, join(root(), name));
    if (why !== undefined) return `${name}: ${why}`;
  }
  await mkdir(links(), { recursive: true });
  for (const name of IPTABLES) {
    if (!existsSync(join(links(), name)))
      await symlink(join(root(), 'iptables/usr/sbin/xtables-nft-multi'), join(links(), name));
  }
  return undefined;
}

/** Path of a file that one of the packages holds. Throws when none does. */
export function packagedFile(path: string): string {
  const found = folders(path).find((each) => existsSync(each));
  if (found === undefined) throw new Error(`none of the Debian packages holds ${path}`);
  return found;
}

/** The environment in which the packages' programs find each other and their libraries. */
export function packagesEnvironment(): NodeJS.ProcessEnv {
  const libraries = [`usr/lib/${machine()}-linux-gnu`, `lib/${machine()}-linux-gnu`];
  return plainEnvironment({
    PATH: [links(), ...folders('usr/sbin', 'usr/bin', 'sbin', 'bin').filter(existsSync), process.env['PATH']].join(':'),
    LD_LIBRARY_PATH: folders(...libraries)
      .filter(existsSync)
      .join(':'),
    XTABLES_LIBDIR: join(root(), `iptables/usr/lib/${machine()}-linux-gnu/xtables`),
  });
}

const machine = (): string => (process.arch === 'arm64' ? 'aarch64' : 'x86_64');
