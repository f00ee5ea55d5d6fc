import { appendFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import test from 'ava';

/** `performance.now()` counts from the start of ava's process. */
const startedMs = performance.now();

/** Loaded by ava into the worker of each test file: notes that the file came to its end, and how long that took. */
process.once('exit', () => {
  const path = process.env['HOLDFAST_TEST_FILES'];
  if (path === undefined) return;
  appendFileSync(
    path,
    `${JSON.stringify({ file: fileURLToPath(test.meta.file), ms: Math.round(performance.now() - startedMs) })}\n`,
  );
});
