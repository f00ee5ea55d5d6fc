import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { stringify } from 'yaml';
import { commandLine } from '../../proto/command-line.ts';
import { baseSecrets } from './base-secrets.ts';

/** Everything secret that the base needs, in one file for `kubectl apply`. */
const {
  values: { join: canJoin },
  operands: [folder = ''],
} = commandLine<{ join: boolean }>(
  new Command('write-secrets')
    .description('Makes the Secrets of deploy/kubernetes/base: node deploy/kubernetes/write-secrets.ts FOLDER')
    .argument('<folder>', 'a folder without secrets yet')
    .option('--join', 'also the authority, with which control planes sign for injected pods', false),
);
if (existsSync(join(folder, 'secrets.yaml'))) {
  console.error(`${folder} has secrets already; move it away to make others`);
  process.exit(73);
}
mkdirSync(folder, { recursive: true, mode: 0o700 });
const { manifests, redisAdminUrl } = await baseSecrets(join(folder, 'certs'), new Date(), { canJoin });
const files = {
  'secrets.yaml': manifests.map((each) => stringify(each)).join('---\n'),
  'redis-admin-url': redisAdminUrl,
};
for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600, flag: 'wx' });
console.log(`made: ${folder}/secrets.yaml for kubectl apply; keep ${folder} to yourself`);
