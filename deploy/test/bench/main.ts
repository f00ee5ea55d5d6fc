import { readdirSync } from 'node:fs';
import { Command } from 'commander';
import { commandLine, refuse, several, wholeNumber } from '../../../proto/command-line.ts';
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
    /** `NAME=FILE` each, where the benchmark compares with what others wrote. */
    peer: readonly string[];
    /** Names of the peers that it shall be about; all when empty. */
    only: readonly string[];
    /** How many sessions in the end, where the benchmark's grow. */
    sessions: number;
  }): Promise<{ objectives: Objective[]; figures?: Record<string, unknown> }>;
}

interface Values {
  seconds: number;
  base?: string;
  peer: string[];
  only: string[];
  sessions: number;
  json: boolean;
}

const folder = new URL('.', import.meta.url);
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts') && file !== 'main.ts')
  .map((file) => file.slice(0, -3));
const command = new Command('npm run bench --')
  .argument('<name>', `one of ${names.join(', ')}`)
  .option('--seconds <n>', 'how long each measurement takes', wholeNumber(1, 600), 5)
  .option('--base <folder>', 'another checkout, where the benchmark compares two')
  .option('--peer <name=file>', 'peers: one more peer, as a file describes it', several(), [])
  .option('--only <name>', 'peers: just this one, and those named so as well', several(), [])
  .option('--sessions <n>', 'crowd: how many in the end', wholeNumber(50_000, 5_000_000), 200_000)
  .option('--json', 'objectives and figures as JSON', false);
const { values, operands } = commandLine<Values>(command);
const { seconds, base, peer, only, sessions } = values;
const name = operands[0] ?? '';
if (!names.includes(name)) refuse(command, `no benchmark is called "${name}"; there are ${names.join(', ')}`);
const { bench } = (await import(new URL(`${name}.ts`, folder).href)) as { bench: Bench };
const print = say(values.json);
print(`${name}: ${bench.description}`);
const { objectives, figures } = await bench.run({ say: print, seconds, base, peer, only, sessions });
printReport(objectives, { json: values.json, extra: figures ? { figures } : {} });
