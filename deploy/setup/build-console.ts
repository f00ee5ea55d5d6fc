import { rename, rm, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';
// @ts-expect-error plain JavaScript, because it runs before anything is installed
import { consoleDigest } from './console-differs.js';

/** `npm run console`: builds the console into `dist/`, where the control plane finds it. The last build stays until the new one is whole. */
const root = fileURLToPath(new URL('../../control-plane/console/', import.meta.url));
const made = `${root}dist.${process.pid}`;
await build({
  root,
  base: '/console/',
  configFile: false,
  logLevel: 'warn',
  build: {
    outDir: made,
    emptyOutDir: true,
    target: 'es2022',
    // A page that says “nothing inline” keeps every file apart.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
});
// What it was built from: with-node.js builds it again when that is something else.
await writeFile(`${made}/built-from`, consoleDigest(fileURLToPath(new URL('../../', import.meta.url))));
await rm(`${root}dist`, { recursive: true, force: true });
await rename(made, `${root}dist`);
