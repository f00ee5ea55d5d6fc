import type { Finding } from './finding.ts';
import { runTool } from './run-tool.ts';

/** What runs in Node, and the page that runs in a browser. */
const PROJECTS = ['.', 'control-plane/console'];

/** What the compiler says of each project (tsconfig.json). */
export const typeFindings = async (): Promise<Finding[]> => (await Promise.all(PROJECTS.map(findingsOf))).flat();

async function findingsOf(project: string): Promise<Finding[]> {
  const { code, stdout, stderr } = await runTool('typescript/bin/tsc', [
    '--noEmit',
    '--pretty',
    'false',
    '-p',
    project,
  ]);
  const lines = stdout.split('\n').filter((line) => line !== '');
  if (code !== 0 && lines.length === 0) throw new Error(`tsc ended with exit code ${code}: ${stderr.trim()}`);
  return lines.map((line) => {
    const match = /^(\S+)\((\d+),\d+\): error (.*)$/.exec(line);
    return match
      ? { rule: 'types', place: `${match[1]}:${match[2]}`, message: match[3] ?? '' }
      : { rule: 'types', place: '', message: line };
  });
}
