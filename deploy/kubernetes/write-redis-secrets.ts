import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { commandLine, value } from '../../proto/command-line.ts';
import { redisSecrets } from './redis-secrets.ts';

/** New passwords, Redis's users and the URLs, for `kubectl create secret` or the units' environment. */
const command = new Command('write-redis-secrets')
  .description('Makes passwords for Redis: node deploy/kubernetes/write-redis-secrets.ts FOLDER')
  .argument('<folder>', 'a folder without passwords yet')
  .option('--tls', 'URLs are rediss://', false)
  .option('--at <host:port>', 'another Redis than the base’s', value('host:port', readHostPort));
const {
  values: { tls, at },
  operands: [folder = ''],
} = commandLine<{ tls: boolean; at?: string }>(command);
if (existsSync(join(folder, 'users.acl'))) {
  console.error(`${folder} has passwords already; move it away to make others`);
  process.exit(73);
}
const password = (): string => randomBytes(24).toString('base64url');
const files = redisSecrets(
  { gateway: password(), controlPlane: password(), admin: password() },
  tls ? 'rediss' : 'redis',
  at,
);
mkdirSync(folder, { recursive: true, mode: 0o700 });
for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600, flag: 'wx' });
console.log(`made: ${Object.keys(files).join(', ')} in ${folder}; keep it to yourself`);

function readHostPort(text: string): string | undefined {
  return /^[\w.-]+:\d+$/.test(text) ? text : undefined;
}
