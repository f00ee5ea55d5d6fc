/**
 * `node deploy/setup/with-node.js SCRIPT [ARGUMENTS]`: sets up what is missing, then runs SCRIPT with a Node that can.
 * Plain JavaScript for Node 20 and later, with nothing installed: it is what a fresh clone runs first.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { consoleDiffers } from './console-differs.js';
import { packagesDiffer } from './packages-differ.js';

const OLDEST_NODE = [22, 20];
const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const carriedNode = join(root, 'node_modules/node/bin/node');

const say = (text) => process.stderr.write(`holdfast: ${text}\n`);

function isNewEnough(version) {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  return major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
}

/** npm as this process was started by, else the one on PATH. */
function npm(...args) {
  const own = process.env['npm_execpath'];
  const isStartedByNpm = own?.endsWith('.js') && existsSync(process.execPath);
  const [command, rest] = isStartedByNpm ? [process.execPath, [own, ...args]] : ['npm', args];
  return new Promise((done, failed) => {
    const child = spawn(command, rest, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
    child.once('error', (cause) =>
      failed(new Error(`cannot run npm (${cause.message}): install Node.js with npm, or put npm on PATH`)),
    );
    child.once('exit', (code, signal) =>
      code === 0
        ? done()
        : failed(new Error(`npm ${args[0]} ended with ${signal ?? `exit code ${code}`}: its messages are above`)),
    );
  });
}

async function step(what, work) {
  const start = performance.now();
  say(`${what} …`);
  await work();
  say(`${what}: done in ${((performance.now() - start) / 1000).toFixed(1)} s`);
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}

async function setUp() {
  const locked = readJson(join(root, 'package-lock.json'));
  const installed = readJson(join(root, 'node_modules/.package-lock.json'));
  if (packagesDiffer(locked, installed))
    await step('installing packages (npm ci)', () => npm('ci', '--no-audit', '--no-fund', '--loglevel=error'));
  // This one may be among the packages, which were just installed anew without it.
  if (isNewEnough(process.versions.node) && existsSync(process.execPath)) return process.execPath;
  if (!existsSync(carriedNode)) {
    // .npmrc turns install scripts off for everyone; this one package needs its own to put the binary in place.
    await step(`setting up Node ${OLDEST_NODE.join('.')} or later (this one is ${process.versions.node})`, () =>
      npm('rebuild', 'node', '--ignore-scripts=false', '--loglevel=error'),
    );
  }
  if (!existsSync(carriedNode))
    throw new Error(
      `no Node ${OLDEST_NODE.join('.')} or later for this machine among the packages: install one and run this again with it`,
    );
  return carriedNode;
}

/** npm passes SIGTERM to a shell between it and us, and that shell dies without a word: a new parent is the only sign. */
function watchParent(onGone) {
  if (!process.env['npm_lifecycle_event']) return;
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) onGone();
  }, 250).unref();
}

function run(node, args) {
  // The ipc channel is how the script learns that this process was killed without a chance to pass that on.
  // The compile cache makes the second start quicker.
  const env = { NODE_COMPILE_CACHE: join(root, '.holdfast/compile-cache'), ...process.env };
  const child = spawn(node, ['--disable-warning=ExperimentalWarning', ...args], {
    env,
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  watchParent(() => child.kill('SIGTERM'));
  child.once('error', (cause) => {
    say(`cannot run ${node}: ${cause.message}`);
    process.exit(1);
  });
  child.once('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)));
}

const args = process.argv.slice(2);
if (args.length === 0) {
  say('usage: node deploy/setup/with-node.js SCRIPT [ARGUMENTS]');
  process.exit(64);
}
/** The page of the control plane, which its sources are built into once. A mesh works without it. */
async function buildConsole(node) {
  if (!consoleDiffers(root)) return;
  await step('building the console', () => {
    const child = spawn(node, ['--disable-warning=ExperimentalWarning', join(root, 'deploy/setup/build-console.ts')], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    return new Promise((done) => {
      child.once('error', done);
      child.once('exit', done);
    });
  });
}

try {
  const node = await setUp();
  await buildConsole(node);
  run(node, args);
} catch (error) {
  say(`setting up failed: ${error.message}`);
  process.exit(1);
}
