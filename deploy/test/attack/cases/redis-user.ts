import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { redisUsers } from '../../../compose/redis-users.ts';
import { ensureRedis } from '../../../setup/binaries.ts';
import { casesOf, judge, type AttackCase } from '../attack-case.ts';
import { freePort } from '../../mesh/free-port.ts';
import { ManagedProcess } from '../../mesh/managed-process.ts';
import { redisAnswer } from '../../mesh/start-redis.ts';
import { temporaryFolder } from '../../mesh/temporary-folder.ts';
import { isListening } from '../../mesh/wait-for.ts';

const PASSWORD = 'secret';
/** What the mesh never does, by what it would be good for. */
const COMMANDS: Record<string, string[]> = {
  'wipe-everything': ['FLUSHALL', 'FLUSHDB', 'SWAPDB 0 1', 'SCRIPT FLUSH', 'SHUTDOWN NOSAVE'],
  'read-everything': ['KEYS *', 'RANDOMKEY', 'GET other:key', 'SCAN 0 MATCH other:* COUNT 1000', 'DUMP other:key'],
  'carry-off': ['MIGRATE 127.0.0.1 1 holdfast:x 0 10', 'RESTORE other:key 0 x', 'REPLICAOF 127.0.0.1 1', 'PSYNC ? -1'],
  'disturb-others': ['CLIENT KILL TYPE normal', 'CLIENT LIST', 'CLIENT PAUSE 1000', 'MONITOR', 'DEBUG SLEEP 0'],
  'change-rights': ['CONFIG SET requirepass x', 'CONFIG GET *', 'ACL SETUSER x on', 'ACL LIST', 'MODULE LIST'],
  'write-foreign-keys': [
    'SET other:key x',
    'DEL other:key',
    'COPY holdfast:a other:b',
    'RENAME holdfast:a other:b',
    'PUBLISH other x',
  ],
  'watch-others': [
    'SUBSCRIBE other',
    'PSUBSCRIBE *',
    'OBJECT ENCODING other:key',
    'TYPE other:key',
    'XADD other * a b',
  ],
  'functions-and-waits': ['FUNCTION LOAD x', 'FUNCTION LIST', 'WAIT 1 0', 'LATENCY DOCTOR', 'SORT holdfast:{a}:x BY *'],
  'foreign-keys-by-script': [
    'EVAL "return redis.call(\'DEL\', KEYS[1])" 1 other:key',
    "EVAL \"return redis.call('GET','other:key')\" 0",
    'EVAL "return redis.call(\'FLUSHALL\')" 0',
  ],
};

export const redisUser: AttackCase[] = casesOf(
  'redis-user',
  { finding: '20', goal: 'every one of them is refused to the mesh’s user', isAlone: true },
  COMMANDS,
  async (_, commands) => {
    const folder = await temporaryFolder();
    const port = await freePort();
    const users = join(folder.path, 'users.acl');
    const mesh = createHash('sha256').update(PASSWORD).digest('hex');
    await writeFile(users, redisUsers({ gateway: mesh, controlPlane: mesh, replica: mesh, admin: null }));
    const redis = new ManagedProcess({
      name: 'redis',
      command: await ensureRedis(),
      logFile: join(folder.path, 'redis.log'),
      isReady: () => isListening(port),
      args: [
        '--port',
        String(port),
        '--bind',
        '127.0.0.1',
        '--aclfile',
        users,
        '--dir',
        folder.path,
        '--save',
        '',
        '--appendonly',
        'no',
      ],
    });
    const allowed: string[] = [];
    try {
      await redis.start();
      for (const command of commands) {
        const answer = await redisAnswer(port, `AUTH holdfast-gateway ${PASSWORD}\r\n${command}`).catch(String);
        if (
          !/NOPERM|unknown command|can't access|No permissions|DEBUG command not allowed/i.test(answer) &&
          !/SCAN/.test(command)
        )
          allowed.push(`${command}: ${answer.replaceAll('\r\n', ' ').slice(0, 40)}`);
      }
    } finally {
      await redis.kill();
      await folder.remove();
    }
    return judge({ 'all refused': allowed.length === 0 }, allowed.join(', '));
  },
);
