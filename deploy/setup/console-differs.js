import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Packages that become part of the console's files. */
const BUNDLED = ['preact', '@preact/signals', 'uplot', 'vite'];

/** What the console is built from, as one digest. */
export function consoleDigest(root) {
  const folder = join(root, 'control-plane/console');
  const hash = createHash('sha256');
  const names = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .filter((path) => !/[\\/]console[\\/]dist/.test(path))
    .sort();
  for (const path of names) hash.update(`${path.slice(folder.length)}\n`).update(readFileSync(path));
  const locked = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages ?? {};
  for (const name of BUNDLED) hash.update(`${name} ${locked[`node_modules/${name}`]?.version}\n`);
  return hash.digest('hex');
}

/** Whether the console must be built: it was never, or from other sources. False where there are none, as in a package. */
export function consoleDiffers(root) {
  if (!existsSync(join(root, 'control-plane/console/index.html'))) return false;
  try {
    return readFileSync(join(root, 'control-plane/console/dist/built-from'), 'utf8') !== consoleDigest(root);
  } catch {
    return true;
  }
}
