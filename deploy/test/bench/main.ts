import { existsSync, readdirSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Objective } from '../report/objectives.ts';
import { printReport, say } from '../report/print-report.ts';

/** What `deploy/test/bench/<name>.ts` exports. Extra figures go into the JSON beside the objectives. */
export interface Bench {
  description: string;
  run(options: {
    say: (text: string) => void;
    seconds: number;
    /** Folder of another checkout, where the benchmark compares two. */
    base: string | undefined;
  }): Promise<{ objectives: Objective[]; figures?: Record<string, unknown> }>;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '5' },
    base: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
const folder = new URL('.', import.meta.url);
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && file !== 'main.ts')
  .map((file) => file.slice(0, -3));
const name = positionals[0];
const seconds = Number(values.seconds);
if (
  values.help ||
  !name ||
  !names.includes(name) ||
  !existsSync(new URL(`${name}.ts`, folder)) ||
  !(seconds > 0 && seconds <= 600)
) {
  console.error(
    `usage: npm run bench -- <${names.join('|')}> [--seconds 1..600] [--base FOLDER] [--json]${name && !names.includes(name) ? `\nno benchmark is called "${name}"` : ''}`,
  );
  process.exit(values.help ? 0 : 64);
}
const { bench } = (await import(new URL(`${name}.ts`, folder).href)) as { bench: Bench };
const print = say(values.json);
print(`${name}: ${bench.description}`);
const { objectives, figures } = await bench.run({ say: print, seconds, base: values.base });
printReport(objectives, { json: values.json, extra: figures ? { figures } : {} });
