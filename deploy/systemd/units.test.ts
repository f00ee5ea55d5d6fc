import { execFile } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import { hasProgram, testWith } from '../test/test-with.ts';
import { readSettings } from '../../sidecar/settings/read-settings.ts';
import { readFlags } from '../../control-plane/wiring/flags.ts';

const FOLDER = fileURLToPath(new URL('.', import.meta.url));
const UNITS = readdirSync(FOLDER).filter((name) => /\.(service|timer)$/.test(name));
const argumentsOf = (unit: string): string[] =>
  /^ExecStart=(.*)$/m
    .exec(readFileSync(new URL(unit, import.meta.url), 'utf8'))![1]!
    .split(' ')
    .slice(2)
    .map((each) =>
      each.replace('${HA_NODE_ID}', 'gateway-1').replace('${HOLDFAST_XDS}', '10.0.0.1:18000,10.0.0.2:18000'),
    );

test('the units’ command lines are understood by the programs that they start', (t) => {
  const sidecar = readSettings(argumentsOf('holdfast-sidecar.service'), {}, () => '{}');
  t.is(sidecar.kind, 'ok', JSON.stringify(sidecar));
  t.is(readFlags(argumentsOf('holdfast-control-plane.service')).kind, 'ok');
});

test('no unit runs as root, and each may write to its own folders alone', (t) => {
  for (const unit of UNITS.filter((name) => name.endsWith('.service'))) {
    const text = readFileSync(new URL(unit, import.meta.url), 'utf8');
    for (const line of ['User=holdfast', 'NoNewPrivileges=yes', 'ProtectSystem=strict', 'ProtectHome=yes'])
      t.true(text.includes(`\n${line}\n`), `${unit}: ${line}`);
  }
});

testWith(
  'systemd-analyze',
  hasProgram('systemd-analyze', '--version'),
  'systemd knows every setting in them',
  async (t) => {
    const found = await promisify(execFile)('systemd-analyze', [
      'verify',
      '--man=no',
      ...UNITS.map((name) => `${FOLDER}${name}`),
    ]).then(
      ({ stderr }) => stderr,
      (error: { stderr?: string }) => error.stderr ?? '',
    );
    // Programs under /opt/holdfast are not on this machine.
    t.deepEqual(
      found.split('\n').filter((line) => /Unknown (key|section|lvalue)|Failed to parse|Invalid/.test(line)),
      [],
    );
  },
);
