import { globSync } from 'node:fs';

/** Folders whose tests start whole meshes: they mostly wait, and come last, so that what fails fast fails first. */
const WHOLE_MESH = /^deploy\/(test\/(e2e|chaos|conformance)|local)\//;

export interface TestRun {
  title: string;
  files: string[];
  concurrency: number;
}

/** All test files of the repository, as paths from its root. */
const testFiles = (root: string): string[] =>
  globSync('**/*.test.ts', {
    cwd: root,
    exclude: (name) => name === 'node_modules' || name === '.holdfast' || name === '.git',
  }).sort();

/**
 * The files that somebody named: a path from the root, or its end (`decide.test.ts`). ava's line numbers (`a.test.ts:12`) stay.
 * @throws {Error} when a name is no test file's, or the end of several.
 */
export function namedFiles(root: string, names: readonly string[]): string[] {
  const files = testFiles(root);
  return names.map((given) => {
    const [, name = given, lines = ''] = /^(?:\.\/)?(.*\.test\.ts)(:[\d,-]+)?$/.exec(given) ?? [];
    const fitting = files.includes(name) ? [name] : files.filter((file) => file.endsWith(`/${name}`));
    const [file, other] = fitting;
    if (file === undefined) throw new Error(`no test file is ${name}: name it by its path from ${root}, or by its end`);
    if (other !== undefined) throw new Error(`${name} is the end of several test files: ${fitting.join(', ')}`);
    return `${file}${lines}`;
  });
}

/** All test files of the repository, in the runs that they belong to. */
export function testRuns(root: string): TestRun[] {
  const files = testFiles(root);
  return [
    { title: 'units', files: files.filter((file) => !WHOLE_MESH.test(file)), concurrency: 2 },
    { title: 'whole mesh', files: files.filter((file) => WHOLE_MESH.test(file)), concurrency: 2 },
  ].filter((run) => run.files.length > 0);
}
