import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { cp, mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const NODE = ['/usr/local/bin/node'];

interface ImagePlan {
  /** Names under which manifests ask for it. */
  tags: readonly string[];
  /** Folder of the package that it holds (`deploy/package/packages.ts`); none when the base suffices. */
  role?: string;
  entrypoint?: readonly string[];
  /** Programs that run once, so that what V8 makes of them is part of the image, as in deploy/Dockerfile. */
  warm?: ReadonlyArray<readonly string[]>;
}

export const PAUSE_IMAGE = 'registry.k8s.io/pause:3.10.1';
const IMAGES: readonly ImagePlan[] = [
  // The process that keeps a pod's namespaces; it does nothing.
  { tags: [PAUSE_IMAGE], entrypoint: ['/usr/bin/sleep', 'infinity'] },
  {
    tags: [
      'docker.io/envoyproxy/envoy:v1.40.0',
      'docker.io/library/redis:7.2.11-alpine',
      'docker.io/coredns/coredns:1',
    ],
  },
  {
    tags: ['docker.io/holdfast/sidecar:0.1.0'],
    role: 'sidecar',
    entrypoint: [...NODE, '--max-semi-space-size=4', 'sidecar/main.ts'],
    warm: [['--max-semi-space-size=4', 'sidecar/main.ts', '--help']],
  },
  {
    tags: ['docker.io/holdfast/control-plane:0.1.0'],
    role: 'control-plane',
    entrypoint: [...NODE, 'control-plane/main.ts'],
    warm: [
      ['control-plane/main.ts', '--help'],
      ['control-plane/cli/main.ts', '--help'],
    ],
  },
  { tags: ['docker.io/holdfast/example-server:0.1.0'], role: 'example-server' },
];

/** Writes one archive with all images, for `ctr images import`. `roles`: folder with a folder of each role. Gives its path. */
export async function writeImages(folder: string, rootfs: string, roles: string): Promise<string> {
  const archive = join(folder, 'archive');
  await mkdir(archive, { recursive: true });
  const base = await layer(archive, rootfs);
  const manifest: object[] = [];
  for (const image of IMAGES) {
    const layers = [base];
    if (image.role !== undefined) {
      const upper = join(folder, `layer-${image.role}`);
      await cp(join(roles, image.role), join(upper, 'app'), { recursive: true });
      await warm(folder, rootfs, upper, image.warm ?? []);
      layers.push(await layer(archive, upper));
    }
    manifest.push(await configured(archive, image, layers));
  }
  await writeFile(join(archive, 'manifest.json'), JSON.stringify(manifest));
  const file = join(folder, 'images.tar');
  await run('tar', ['-C', archive, '-cf', file, '.']);
  return file;
}

/** A folder as a layer of the archive, named by its hash; gives the hash. */
async function layer(archive: string, folder: string): Promise<string> {
  const tar = join(archive, 'layer.tar');
  await run('tar', ['-C', folder, '--numeric-owner', '--sort=name', '-cf', tar, '.']);
  const hash = createHash('sha256');
  await pipeline(createReadStream(tar), hash);
  const digest = hash.digest('hex');
  await mkdir(join(archive, digest), { recursive: true });
  await rename(tar, join(archive, digest, 'layer.tar'));
  return digest;
}

async function configured(archive: string, { tags, entrypoint, role }: ImagePlan, layers: string[]): Promise<object> {
  const config = JSON.stringify({
    architecture: process.arch === 'arm64' ? 'arm64' : 'amd64',
    os: 'linux',
    config: {
      ...(entrypoint && { Entrypoint: entrypoint }),
      ...(role !== undefined && { WorkingDir: '/app' }),
      Env: [
        'PATH=/usr/local/bin:/usr/bin',
        ...(role === undefined ? [] : ['NODE_ENV=production', 'NODE_COMPILE_CACHE=/app/.compile-cache']),
      ],
    },
    rootfs: { type: 'layers', diff_ids: layers.map((each) => `sha256:${each}`) },
  });
  const name = `${createHash('sha256').update(config).digest('hex')}.json`;
  await writeFile(join(archive, name), config);
  return { Config: name, RepoTags: tags, Layers: layers.map((each) => `${each}/layer.tar`) };
}

/** Runs programs in the image that is being made: what they write, a compile cache, becomes part of it. */
async function warm(
  folder: string,
  rootfs: string,
  upper: string,
  programs: ReadonlyArray<readonly string[]>,
): Promise<void> {
  if (programs.length === 0) return;
  const merged = join(folder, 'merged'),
    work = join(folder, 'work');
  await Promise.all([merged, work].map((each) => mkdir(each, { recursive: true })));
  await run('mount', [
    '-t',
    'overlay',
    'overlay',
    '-o',
    `lowerdir=${rootfs},upperdir=${upper},workdir=${work}`,
    merged,
  ]);
  try {
    for (const program of programs) {
      const inImage = ['NODE_COMPILE_CACHE=/app/.compile-cache', ...NODE, ...program];
      await run('chroot', [merged, '/bin/sh', '-c', 'cd /app && exec env "$@" >/dev/null', 'sh', ...inImage]);
    }
  } finally {
    await run('umount', [merged]);
  }
}
