import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { Command } from 'commander';
import { program } from '../../control-plane/cli/program.ts';
import { ensurePrometheusProgram } from '../setup/debian-binaries.ts';
import { runCommand } from '../setup/run-command.ts';
import { checklist } from './checklist.ts';
import { CONSOLE_URL, consoleLink } from './console-link.ts';
import { generatedFiles } from './generated-files.ts';
import { ALERTS } from './rules.ts';

const here = (name: string): string => join(import.meta.dirname, name);
const run = async (program: 'promtool' | 'amtool', ...args: string[]) =>
  runCommand(await ensurePrometheusProgram(program), args, 170_000);

test('the files that come from code are as the code would write them', (t) => {
  for (const [name, content] of Object.entries(generatedFiles()))
    t.is(readFileSync(here(name), 'utf8'), content, `${name}: run node deploy/prometheus/write.ts`);
});

test('every alert fires when it should and is quiet when it should be', async (t) => {
  const result = await run(
    'promtool',
    'test',
    'rules',
    here('holdfast.rules.test.yml'),
    here('holdfast.rules.long.test.yml'),
  );
  t.is(result.kind, 'done', result.kind === 'failed' ? result.why : '');
});

test('Prometheus and Alertmanager take the configuration', async (t) => {
  for (const result of [
    await run('promtool', 'check', 'config', here('prometheus.yml')),
    await run('amtool', 'check-config', here('alertmanager.yml')),
  ])
    t.is(result.kind, 'done', result.kind === 'failed' ? result.why : '');
});

test('the three alerts that users were promised are there by name, with their times and severities', (t) => {
  const of = (name: string) => ALERTS.find((alert) => alert.name === name);
  t.like(of('GatewayDown'), { for: '30s', severity: 'critical' });
  t.like(of('HighErrorRate'), { for: '2m', severity: 'warning' });
  t.regex(of('HighErrorRate')!.expr, /\[5m\].*> 0\.1$/);
  t.like(of('ServerUnhealthy'), { for: '1m', severity: 'warning' });
});

test('every alert has a runbook, and the checklist names only alerts that there are', (t) => {
  for (const { name, runbook } of ALERTS) t.true(runbook.length > 80, name);
  for (const name of checklist.flatMap(({ alerts }) => alerts))
    t.true(
      ALERTS.some((alert) => alert.name === name),
      name,
    );
  t.is(new Set(ALERTS.map(({ name }) => name)).size, ALERTS.length);
});

test('every alert leads to a page that the console has', (t) => {
  const app = readFileSync(new URL('../../control-plane/console/src/app.tsx', import.meta.url), 'utf8');
  const pages = [...app.matchAll(/^ {2}(\w+): \(/gm)].map(([, page]) => page);
  t.true(pages.includes('server') && pages.includes('checks'));
  for (const alert of ALERTS) {
    const { pathname, origin, hash } = new URL(consoleLink(alert));
    t.is(`${origin}${pathname}`, `${CONSOLE_URL}/console`);
    const [, page = '', server] = /^#\/(\w+)(?:\/(.*))?$/.exec(decodeURIComponent(hash)) ?? [];
    t.true(pages.includes(page), `${alert.name}: ${hash}`);
    t.is(server, page === 'server' ? '{{ $labels.server_id }}' : undefined, alert.name);
  }
});

test('runbooks name commands that there are', (t) => {
  const names = (commands: readonly Command[]): string[] =>
    commands.flatMap((command) => [
      command.name(),
      ...names(command.commands).map((name) => `${command.name()} ${name}`),
    ]);
  const known = names(program().commands);
  const named = ALERTS.flatMap(({ runbook }) =>
    [...runbook.matchAll(/`holdfast ([a-z -]+)`/g)].map((match) => match[1]!),
  );
  t.true(named.length > 5);
  t.deepEqual(
    named.filter((name) => !known.includes(name)),
    [],
  );
});

test('alerts and rules ask for metrics that the mesh has', (t) => {
  const readme = readFileSync(new URL('../../sidecar/metrics/README.md', import.meta.url), 'utf8');
  const own = new Set([...readme.matchAll(/^\| `((?:mcp|holdfast)_\w+)/gm)].map((match) => match[1]!));
  const folder = new URL('../../control-plane/', import.meta.url);
  const source = ['metrics/topology-metrics.ts', 'metrics/doctor-metrics.ts', 'xds/xds-metrics.ts']
    .map((file) => readFileSync(new URL(file, folder), 'utf8'))
    .join('\n');
  for (const name of new Set(ALERTS.flatMap(({ expr }) => expr.match(/\b(?:mcp|holdfast)_\w+/g) ?? []))) {
    const base = name.replace(/_(bucket|sum|count)$/, '');
    t.true(own.has(base) || source.includes(base) || source.includes(`'${base.replace(/^holdfast_xds_/, '')}'`), name);
  }
  t.true(readdirSync(new URL('.', import.meta.url)).includes('alertmanager.yml'));
});
