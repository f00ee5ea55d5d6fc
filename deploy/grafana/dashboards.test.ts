import { readFileSync } from 'node:fs';
import test from 'ava';
import { checklist } from '../prometheus/checklist.ts';
import { waitFor } from '../test/mesh/wait-for.ts';
import { ALERTS } from '../prometheus/rules.ts';
import { DASHBOARDS } from './dashboards.ts';
import { grafanaJson } from './grafana-json.ts';
import { startDemoMesh } from './demo-mesh.ts';
import { emptyQueries, queryPanels } from './query-panels.ts';

const SECONDS = 20;

test('the dashboards’ files are as the code would write them', (t) => {
  for (const [name, dashboard] of Object.entries(DASHBOARDS)) {
    t.is(
      readFileSync(new URL(`dashboards/${name}.json`, import.meta.url), 'utf8'),
      `${JSON.stringify(grafanaJson(dashboard), null, 1)}\n`,
      `${name}: run node deploy/grafana/write.ts`,
    );
  }
});

test('each point of the monitoring checklist has its row, and panels name only alerts that there are', (t) => {
  const rows = DASHBOARDS['fleet']!.rows.map(({ title }) => title);
  for (const { panel } of checklist) t.true(rows.includes(panel.replace('fleet: ', '')), panel);
  const description = Object.values(DASHBOARDS).flatMap(({ rows }) =>
    rows.flatMap(({ panels }) => panels.map((each) => each.description)),
  );
  for (const [, names] of description.flatMap((text) => [...text.matchAll(/Alerts?: ([\w, …]+)/g)])) {
    for (const name of names!
      .split(/, |…/)
      .map((each) => each.trim())
      .filter(Boolean))
      t.true(
        ALERTS.some((alert) => alert.name.startsWith(name)),
        name,
      );
  }
});

test('every query of every panel has data from a real Prometheus that scraped a real mesh, and rules evaluate', async (t) => {
  t.timeout(300_000);
  const { mesh, prometheus, seconds, close } = await startDemoMesh(SECONDS);
  try {
    const panels = (
      await Promise.all(
        Object.entries(DASHBOARDS).map(async ([name, dashboard]) => {
          const all = await queryPanels(prometheus, dashboard, seconds);
          t.deepEqual(emptyQueries(all), [], name);
          return all;
        }),
      )
    ).flat();
    const series = (title: string) =>
      panels.find(({ panel }) => panel.title === title)!.data.flatMap((each) => each.series);
    const peak = (title: string, labels: Record<string, string> = {}): number =>
      Math.max(
        0,
        ...series(title)
          .filter((each) => Object.entries(labels).every(([name, value]) => each.labels[name] === value))
          .flatMap(({ points }) => points.map(([, value]) => value))
          .filter(Number.isFinite),
      );
    // That a panel is not empty is little: what happened must show where one looks for it.
    t.deepEqual(
      [...new Set(series('Members').map(({ labels }) => labels['node']))].sort(),
      mesh.gateways.map(({ name }) => name).sort(),
    );
    for (const outcome of ['success', 'tool_error', 'server_error', 'client_fault'])
      t.true(peak('Requests by outcome', { outcome }) > 0, outcome);
    t.true(peak('Requests of the balancers', { node: 'edge-1' }) > 0);
    t.true(peak('Recoveries', { result: 'recovered' }) > 0);
    t.true(peak('Time until a session is back') > 0);
    t.true(peak('New sessions for the new backend', { to: 'canary' }) === 100);
    t.true(peak('Sessions begun', { backend: 'canary' }) > 0);
    t.true(peak('Redis commands, p99') > 0);
    t.is(peak('Sessions lost, last hour'), 0);
    // `or vector(0)` shows a 0 for what never happened; a name that nobody exports would hide behind it.
    const names = (await (await fetch(`${prometheus.url}/api/v1/label/__name__/values`)).json()) as { data: string[] };
    const readme = readFileSync(new URL('../../sidecar/metrics/README.md', import.meta.url), 'utf8');
    const exported = new Set([
      ...names.data,
      ...[...readme.matchAll(/^\| `((?:mcp|holdfast)_\w+)/gm)].map((match) => match[1]!),
    ]);
    const asked = Object.values(DASHBOARDS).flatMap(({ rows }) =>
      rows.flatMap(({ panels }) =>
        panels.flatMap(({ queries }) =>
          queries.flatMap(({ expr }) => expr.match(/\b(?:mcp|holdfast|envoy|process|nodejs)_\w+(?=[{[)])/g) ?? []),
        ),
      ),
    );
    t.deepEqual(
      [...new Set(asked)].filter((each) => !exported.has(each)),
      [],
    );
    t.true(asked.length > 40);
    const rulesNow = async () => {
      const { data } = (await (await fetch(`${prometheus.url}/api/v1/rules`)).json()) as {
        data: { groups: { rules: { name: string; health: string; lastError?: string }[] }[] };
      };
      return data.groups.flatMap((group) => group.rules);
    };
    // Until it has been evaluated a rule's health is unknown.
    await waitFor(async () => (await rulesNow()).every((rule) => rule.health !== 'unknown'), {
      what: 'every rule is evaluated',
      timeoutMs: 60_000,
      everyMs: 200,
    });
    const rules = await rulesNow();
    t.true(rules.length > ALERTS.length);
    t.deepEqual(
      rules.filter((rule) => rule.health !== 'ok').map((rule) => `${rule.name}: ${rule.lastError}`),
      [],
    );
    // A scrape that took longer than a second says down until the next one.
    const isDown = async () => {
      const targets = (await (await fetch(`${prometheus.url}/api/v1/targets`)).json()) as {
        data: { activeTargets: { scrapeUrl: string; health: string; lastError: string }[] };
      };
      return targets.data.activeTargets
        .filter(({ health }) => health !== 'up')
        .map(({ scrapeUrl, lastError }) => `${scrapeUrl} ${lastError}`);
    };
    await waitFor(async () => (await isDown()).length === 0, { what: 'every target is up', everyMs: 200 }).catch(
      async (error: Error) => {
        t.deepEqual(await isDown(), []);
        throw error;
      },
    );
    const exemplars = (await (
      await fetch(
        `${prometheus.url}/api/v1/query_exemplars?query=mcp_request_duration_seconds_bucket&start=${Date.now() / 1000 - seconds - 120}&end=${Date.now() / 1000 + 1}`,
      )
    ).json()) as { data: { exemplars: { labels: { trace_id: string } }[] }[] };
    t.regex(exemplars.data[0]?.exemplars[0]?.labels.trace_id ?? 'none', /^a+[0-9a-f]$/);
  } finally {
    await close();
  }
});
