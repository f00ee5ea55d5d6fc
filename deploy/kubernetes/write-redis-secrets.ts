import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { redisSecrets } from './redis-secrets.ts';

const USAGE = 'node deploy/kubernetes/write-redis-secrets.ts FOLDER [--tls] [--at HOST:PORT]';

/** New passwords, Redis's users and the URLs, for `kubectl create secret` or the units' environment. `--at`: another Redis than the base's. */
const { folder, tls, at } = readArguments();
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

function readArguments(): { folder: string; tls: boolean; at: string | undefined } {
  try {
    const { positionals, values } = parseArgs({
      allowPositionals: true,
      options: { tls: { type: 'boolean', default: false }, at: { type: 'string' } },
    });
    const [folder, ...rest] = positionals;
    if (folder && rest.length === 0 && (values.at === undefined || /^[\w.-]+:\d+$/.test(values.at)))
      return { folder, tls: values.tls, at: values.at };
  } catch {
    // An unknown option: the usage says which there are.
  }
  console.error(`usage: ${USAGE}`);
  process.exit(64);
}
