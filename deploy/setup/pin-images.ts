import { execFile } from 'node:child_process';
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** Files that name images of others, by exact version. Our own are built from them, and have digests once they are published. */
const FILES = [
  'docker-compose.yml',
  'deploy/Dockerfile',
  'deploy/kubernetes/**/*.yaml',
  'deploy/helm/holdfast/values.yaml',
];
const NAMED =
  /(?<before>^\s*(?:- )?image: *|^FROM (?:--platform=\S+ )?)(?<image>[a-z0-9./-]+:[\w.-]+)(?:@sha256:[0-9a-f]{64})?/gm;
const IN_CHART = /\{repository: (?<name>[a-z0-9./-]+), tag: (?<tag>[\w.-]+), digest: "[^"]*"\}/g;
const OURS = /^holdfast\//;
const DIGEST = /^sha256:[0-9a-f]{64}$/;

/** The digest that a registry has for an image; rejects when none can be asked. */
export type DigestOf = (image: string) => Promise<string>;

/** Images of others in a file. */
export const imagesIn = (text: string): string[] => [
  ...new Set(
    [
      ...[...text.matchAll(NAMED)].map(({ groups }) => groups?.['image'] ?? ''),
      ...[...text.matchAll(IN_CHART)].map(({ groups }) => `${groups?.['name']}:${groups?.['tag']}`),
    ].filter((image) => !OURS.test(image)),
  ),
];

/** The text with the digest of each image behind its tag; in the chart's values as a value of their own. */
export const pinned = (text: string, digests: ReadonlyMap<string, string>): string =>
  text
    .replace(NAMED, (whole, before: string, image: string) => {
      const digest = digests.get(image);
      return digest === undefined ? whole : `${before}${image}@${digest}`;
    })
    .replace(IN_CHART, (whole, name: string, tag: string) => {
      const digest = digests.get(`${name}:${tag}`);
      return digest === undefined ? whole : `{repository: ${name}, tag: ${tag}, digest: "${digest}"}`;
    });

/** Pins all files below `root`, or none: every digest is known before the first file is written. */
export async function pinImages(root: string, digestOf: DigestOf): Promise<Map<string, string>> {
  const files = FILES.flatMap((pattern) => globSync(pattern, { cwd: root })).map((path) => join(root, path));
  const texts = files.map((file) => readFileSync(file, 'utf8'));
  const digests = new Map<string, string>();
  for (const image of new Set(texts.flatMap(imagesIn))) {
    const digest = await digestOf(image);
    if (!DIGEST.test(digest)) throw new Error(`${image}: ${JSON.stringify(digest.slice(0, 80))} is no digest`);
    digests.set(image, digest);
  }
  for (const [index, file] of files.entries()) writeFileSync(file, pinned(texts[index] ?? '', digests));
  return digests;
}

/** A docker without buildx takes the option for its own. */
const whyNot = (said: string): string => (said.startsWith('unknown flag') ? 'docker has no buildx here' : said.trim());

/** As the registry says it, of the list of all architectures. */
export const askRegistry: DigestOf = (image) =>
  new Promise((done, fail) => {
    const args = ['buildx', 'imagetools', 'inspect', image, '--format', '{{.Manifest.Digest}}'];
    execFile('docker', args, { timeout: 60_000 }, (error, out, err) =>
      error ? fail(new Error(`${image}: ${whyNot(err) || error.message}`)) : done(out.trim()),
    );
  });

if (import.meta.main) {
  const root = resolve(import.meta.dirname, '../..');
  try {
    for (const [image, digest] of await pinImages(root, askRegistry)) console.log(`${image}@${digest}`);
  } catch (error) {
    console.error(`No file was changed, because a digest can only come from the image's registry.\n${String(error)}`);
    process.exit(69);
  }
}
