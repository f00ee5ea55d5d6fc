#!/usr/bin/env node
/**
 * `holdfast`: finds a Node that runs TypeScript sources as they are, and runs main.ts with it. Plain JavaScript, because an older Node starts it.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const OLDEST_NODE = [22, 20];
const EX_UNAVAILABLE = 69;
const here = dirname(fileURLToPath(import.meta.url));
const root = resolve(here, '../..');
const carriedNode = resolve(root, 'node_modules/node/bin/node');
const main = resolve(here, 'main.ts');

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
const isNewEnough = major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);

if (!existsSync(resolve(root, 'node_modules/commander'))) {
  process.stderr.write(`holdfast: its packages are not installed; run \`npm ci\` in ${root}\n`);
  process.exit(EX_UNAVAILABLE);
}
if (!isNewEnough && !existsSync(carriedNode)) {
  process.stderr.write(
    `holdfast: needs Node ${OLDEST_NODE.join('.')} or later, this one is ${process.versions.node}; \`npm start\` in ${root} sets one up\n`,
  );
  process.exit(EX_UNAVAILABLE);
}
const child = spawn(
  isNewEnough ? process.execPath : carriedNode,
  ['--disable-warning=ExperimentalWarning', main, ...process.argv.slice(2)],
  {
    stdio: 'inherit',
    env: { NODE_COMPILE_CACHE: resolve(root, '.holdfast/compile-cache'), ...process.env },
  },
);
// The terminal sends Ctrl-C to both; the other signals only come here.
process.on('SIGINT', () => {});
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.once('error', (error) => {
  process.stderr.write(`holdfast: cannot run Node: ${error.message}\n`);
  process.exit(EX_UNAVAILABLE);
});
child.once('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
