import { copyFileSync, readdirSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { checks, ratchetFile, readRatchet } from './checks.ts';
import { tightened } from './ratchet.ts';
import { runTool } from './run-tool.ts';

/** `npm run fix`: writes generated files again, mends what tools can mend, and lowers the counts of ratchet.json to what is left. */
const deploy = resolve(import.meta.dirname, '../..');
// Each of them writes its files when it is loaded; the manifests hold what the first two have written.
for (const folder of ['prometheus', 'grafana', 'kubernetes', 'test/bench/peers'])
  await import(resolve(deploy, folder, 'write.ts'));
copyFileSync(
  resolve(deploy, 'prometheus/holdfast.rules.yml'),
  resolve(deploy, 'helm/holdfast/files/holdfast.rules.yml'),
);
for (const name of readdirSync(resolve(deploy, 'grafana/dashboards')))
  copyFileSync(resolve(deploy, 'grafana/dashboards', name), resolve(deploy, 'helm/holdfast/files/dashboards', name));
await runTool('@biomejs/biome/bin/biome', ['check', '--write', '--max-diagnostics=0', '.']);
let ratchet = readRatchet();
for (const check of checks) ratchet = tightened(await check.find(), ratchet, check.owns);
writeFileSync(ratchetFile, `${JSON.stringify(ratchet, null, 2)}\n`);
