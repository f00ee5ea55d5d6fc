import { writeFileSync } from 'node:fs';
import { checks, ratchetFile, readRatchet } from './checks.ts';
import { tightened } from './ratchet.ts';
import { runTool } from './run-tool.ts';

/** `npm run fix`: mends what tools can mend, and lowers the counts of ratchet.json to what is left. */
await runTool('@biomejs/biome/bin/biome', ['check', '--write', '--max-diagnostics=0', '.']);
let ratchet = readRatchet();
for (const check of checks) ratchet = tightened(await check.find(), ratchet, check.owns);
writeFileSync(ratchetFile, `${JSON.stringify(ratchet, null, 2)}\n`);
