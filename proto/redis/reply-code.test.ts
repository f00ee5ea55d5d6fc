import test from 'ava';
import { unusableCode } from './reply-code.ts';

test('what Redis says of itself is told apart from what it says of a command, in the words of old and new versions', (t) => {
  for (const [message, code] of [
    ["OOM command not allowed when used memory > 'maxmemory'.", 'OOM'],
    [
      "ERR Error running script (call to f_0a1b): @user_script:4: @user_script: 4: -OOM command not allowed when used memory > 'maxmemory'.",
      'OOM',
    ],
    ["OOM command not allowed when used memory > 'maxmemory'. script: 0a1b, on @user_script:4.", 'OOM'],
    ["READONLY You can't write against a read only replica.", 'READONLY'],
    ["ERR Error running script (call to f_0a1b): @user_script:4: -READONLY You can't write", 'READONLY'],
    ['MISCONF Redis is configured to save RDB snapshots', 'MISCONF'],
    ["NOPERM this user has no permissions to run the 'evalsha' command", 'NOPERM'],
    ['NOAUTH Authentication required.', 'NOAUTH'],
    ['WRONGPASS invalid username-password pair', 'WRONGPASS'],
    ['BUSY Redis is busy running a script.', 'BUSY'],
    ['ERR max number of clients reached', 'BUSY'],
    ['LOADING Redis is loading the dataset in memory', 'LOADING'],
    ['WRONGTYPE Operation against a key holding the wrong kind of value', null],
    ['NOSCRIPT No matching script.', null],
    ["ERR value is not an integer or out of range: 'READONLY'", null],
    ['ERR unknown command `BUSYBODY`', null],
  ] as const)
    t.is(unusableCode(message), code, message);
});
