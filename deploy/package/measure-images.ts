import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Command } from 'commander';
import { commandLine } from '../../proto/command-line.ts';
import { atMost } from '../test/report/objectives.ts';
import { printReport, say } from '../test/report/print-report.ts';
import { table } from '../test/report/table.ts';
import { imageSize } from './image-size.ts';
import { IMAGES, MAX_IMAGE_MB } from './packages.ts';
import { writePackage } from './write-package.ts';

const root = resolve(import.meta.dirname, '../..');
const { values } = commandLine<{ json: boolean }>(
  new Command('measure-images')
    .description('What each image holds above its base, by the files that deploy/Dockerfile adds. It needs no Docker.')
    .option('--json', 'objectives as JSON', false),
);
const print = say(values.json);
const mb = (bytes: number): number => Math.round(bytes / 100_000) / 10;
const folder = mkdtempSync(join(tmpdir(), 'holdfast-images-'));
const sizes = [];
for (const plan of IMAGES) {
  const to = join(folder, plan.name);
  await writePackage(plan, { root, to, as: 'sources' });
  sizes.push({ name: plan.name, ...(await imageSize(root, to, plan)) });
}
rmSync(folder, { recursive: true, force: true });
print(
  table(
    ['image', 'MB above its base', 'sources', 'packages', 'compiled code'],
    sizes.map((each) => [each.name, mb(each.total), mb(each.sources), mb(each.packages), mb(each.compiled)]),
  ),
);
printReport(
  sizes.map(({ name, total }) => atMost(`${name}: MB above its base`, MAX_IMAGE_MB, mb(total))),
  { json: values.json },
);
