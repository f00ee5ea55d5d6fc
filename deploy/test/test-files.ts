import { globSync } from 'node:fs';

/** Folders whose tests start whole meshes: they mostly wait, and come last, so that what fails fast fails first. */
const WHOLE_MESH = /^deploy\/(test\/(e2e|chaos|conformance)|local)\//;

export interface TestRun {
  title: string;
  files: string[];
  concurrency: number;
}

/** All test files of the repository, in the runs that they belong to. */
export function testRuns(root: string): TestRun[] {
  const files = globSync('**/*.test.ts', {
    cwd: root,
    exclude: (name) => name === 'node_modules' || name === '.holdfast' || name === '.git',
  }).sort();
  return [
    { title: 'units', files: files.filter((file) => !WHOLE_MESH.test(file)), concurrency: 2 },
    { title: 'whole mesh', files: files.filter((file) => WHOLE_MESH.test(file)), concurrency: 2 },
  ].filter((run) => run.files.length > 0);
}
