import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { redisSecrets } from './redis-secrets.ts';

/** `node deploy/kubernetes/write-redis-secrets.ts FOLDER [--tls]`: new passwords, Redis's users and the URLs, for `kubectl create secret`. */
const [folder, option] = process.argv.slice(2);
if (!folder || (option !== undefined && option !== '--tls')) {
  console.error('usage: node deploy/kubernetes/write-redis-secrets.ts FOLDER [--tls]');
  process.exit(64);
}
if (existsSync(join(folder, 'users.acl'))) {
  console.error(`${folder} has passwords already; move it away to make others`);
  process.exit(73);
}
const password = (): string => randomBytes(24).toString('base64url');
const files = redisSecrets(
  { gateway: password(), controlPlane: password(), admin: password() },
  option === '--tls' ? 'rediss' : 'redis',
);
mkdirSync(folder, { recursive: true, mode: 0o700 });
for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { mode: 0o600, flag: 'wx' });
console.log(`made: ${Object.keys(files).join(', ')} in ${folder}; keep it to yourself`);
