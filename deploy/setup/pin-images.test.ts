import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test from 'ava';
import { REPOSITORY } from '../test/mesh/node-program.ts';
import { imagesIn, pinImages } from './pin-images.ts';

const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;
const SHIPPED = [
  'docker-compose.yml',
  'deploy/Dockerfile',
  'deploy/kubernetes/base',
  'deploy/helm/holdfast/values.yaml',
];

function copy(): string {
  const root = mkdtempSync(join(tmpdir(), 'holdfast-pins-'));
  for (const path of SHIPPED) cpSync(join(REPOSITORY, path), join(root, path), { recursive: true });
  return root;
}

test('every image of others gets the digest that its registry has, and a second run a new one', async (t) => {
  const root = copy();
  t.teardown(() => rmSync(root, { recursive: true }));
  const asked: string[] = [];
  await pinImages(root, async (image) => {
    asked.push(image);
    return digest('a');
  });
  t.true(asked.includes('envoyproxy/envoy:v1.40.0') && asked.some((image) => image.startsWith('node:')), asked.join());
  t.false(asked.some((image) => image.startsWith('holdfast/')));
  const read = (path: string): string => readFileSync(join(root, path), 'utf8');
  t.regex(read('docker-compose.yml'), /image: envoyproxy\/envoy:v1\.40\.0@sha256:a{64}\n/);
  t.regex(read('docker-compose.yml'), /image: holdfast\/sidecar:[\d.]+\n/);
  t.regex(read('deploy/Dockerfile'), /^FROM --platform=\$BUILDPLATFORM node:\S+@sha256:a{64} AS packages$/m);
  t.regex(read('deploy/Dockerfile'), /^FROM base AS sidecar$/m);
  t.regex(read('deploy/helm/holdfast/values.yaml'), /repository: redis, tag: \S+, digest: "sha256:a{64}"/);
  await pinImages(root, async () => digest('b'));
  t.regex(read('deploy/kubernetes/base/redis.yaml'), /image: redis:\S+@sha256:b{64}$/m);
  t.notRegex(read('docker-compose.yml'), /a{64}/);
});

test('without an answer of the registry no file changes, and what is no digest is none', async (t) => {
  const root = copy();
  t.teardown(() => rmSync(root, { recursive: true }));
  let left = 2;
  const half = async (image: string): Promise<string> => {
    if (left-- === 0) throw new Error(`${image}: no route to host`);
    return digest('a');
  };
  await t.throwsAsync(pinImages(root, half), { message: /no route to host/ });
  await t.throwsAsync(
    pinImages(root, async () => 'latest'),
    { message: /is no digest/ },
  );
  for (const path of ['docker-compose.yml', 'deploy/Dockerfile'])
    t.is(readFileSync(join(root, path), 'utf8'), readFileSync(join(REPOSITORY, path), 'utf8'), dirname(path));
});

test('images are found however they are written', (t) => {
  t.deepEqual(
    imagesIn('FROM base AS x\nFROM node:24.1-slim AS base\n  - image: a.b/c:1\n    image: holdfast/x:1 # ours\n'),
    ['node:24.1-slim', 'a.b/c:1'],
  );
});
