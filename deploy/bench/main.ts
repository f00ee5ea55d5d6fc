/** `npm run bench -- <name> [--json]`: runs `deploy/bench/<name>.ts` and prints its objectives; exit 1 when one is not met, 64 when there is no such benchmark. */
import { readdirSync } from 'node:fs';
import { cpus } from 'node:os';
import type { Bench, Objective } from './objective.ts';

const NOT_BENCHES = new Set(['main', 'objective']);
const benches = readdirSync(import.meta.dirname)
  .filter(file => file.endsWith('.ts') && !file.endsWith('.test.ts'))
  .map(file => file.slice(0, -3))
  .filter(file => !NOT_BENCHES.has(file));

function table(objectives: readonly Objective[]): string {
  const rows = [['objective', 'goal', 'measured', ''], ...objectives.map(({ name, goal, measured, met }) => [name, goal, measured, met ? 'met' : 'NOT MET'])];
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map(row => row[column]!.length)));
  return rows.map(row => row.map((cell, column) => cell.padEnd(widths[column]!)).join('  ').trimEnd()).join('\n');
}

const [name, ...args] = process.argv.slice(2).filter(arg => arg !== '--json');
const isJson = process.argv.includes('--json');
if (!name || !benches.includes(name)) {
  console.error(`${name ? `There is no benchmark "${name}".` : 'Which benchmark?'} There are: ${benches.join(', ')}. Usage: npm run bench -- <name> [--json]`);
  process.exit(64);
}
const bench = await import(`./${name}.ts`) as Bench;
const objectives = await bench.run(args);
if (isJson) console.log(JSON.stringify({ objectives }));
else console.log(`${name} · Node ${process.version} · ${cpus().length} × ${cpus()[0]?.model ?? 'unknown CPU'} · ${new Date().toISOString().slice(0, 10)}\n${table(objectives)}`);
if (objectives.some(objective => !objective.met)) process.exitCode = 1;
