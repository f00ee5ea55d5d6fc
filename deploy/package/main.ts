import { mkdirSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { commandLine } from '../../proto/command-line.ts';
import { IMAGES, NPM_PACKAGES } from './packages.ts';
import { writePackage } from './write-package.ts';

/**
 * `npm run package -- [FOLDER]`: writes each npm package into a folder of its own below FOLDER (`.holdfast/packages`), ready for `npm pack`.
 * `--images`: what the images hold, with the sources as they are.
 */
const root = resolve(import.meta.dirname, '../..');
const {
  values: { images: isForImages },
  operands,
} = commandLine<{ images: boolean }>(
  new Command('package')
    .description('Writes the npm packages: npm run package -- [FOLDER]')
    .argument('[folder]', 'where to; .holdfast/packages')
    .option('--images', 'what the images hold, with the sources as they are', false),
);
const folder = resolve(operands[0] ?? resolve(root, '.holdfast/packages'));
for (const plan of isForImages ? IMAGES : NPM_PACKAGES) {
  const to = resolve(folder, plan.name);
  rmSync(to, { recursive: true, force: true });
  mkdirSync(to, { recursive: true });
  await writePackage(plan, { root, to, as: isForImages ? 'sources' : 'javascript' });
  process.stdout.write(`${to}\n`);
}
