import { readFileSync } from 'node:fs';
import test from 'ava';
import { checklist } from '../prometheus/checklist.ts';
import { waitFor } from '../test/mesh/wait-for.ts';
import { ALERTS, ruleFile } from '../prometheus/rules.ts';
import { dashboardFile, grafanaJson } from './dashboard.ts';
import { DASHBOARDS } from './dashboards.ts';
import { startDemoMesh } from './demo-mesh.ts';
import { emptyQueries, panelsOf, queryPanels } from './query-panels.ts';

const SECONDS = 20;
const FILES = Object.entries(DASHBOARDS).map(([name, dashboard]) => ({ name, json: grafanaJson(dashboard) }));
const PANELS = FILES.flatMap(({ json }) => panelsOf(json));

test('the dashboards’ files are as the code would write them', (t) => {
  for (const [name, dashboard] of Object.entries(DASHBOARDS)) {
    t.is(
      readFileSync(new URL(`dashboards/${name}.json`, import.meta.url), 'utf8'),
      dashboardFile(dashboard),
      `${name}: npm run fix writes it`,
    );
  }
});

test('each point of the monitoring checklist has its row, and panels name only alerts that there are', (t) => {
  const rows = DASHBOARDS['fleet']!.rows.map(({ title }) => title);
  for (const { panel } of checklist) t.true(rows.includes(panel.replace('fleet: ', '')), panel);
  for (const [, names] of PANELS.flatMap(({ description }) => [...description.matchAll(/Alerts?: ([\w, …]+)/g)])) {
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

test('alerts lead to dashboards that there are, and dashboards to each other, to runbooks and to the console', (t) => {
  const uids = FILES.map(({ json }) => json.uid);
  for (const rule of ruleFile().groups.flatMap(({ rules }) => rules as { annotations?: { dashboard: string } }[])) {
    if (rule.annotations)
      t.true(uids.includes(/^\/d\/([\w-]+)/.exec(rule.annotations.dashboard)?.[1]), rule.annotations.dashboard);
  }
  for (const { json } of FILES)
    t.deepEqual(
      json.links?.map(({ title }) => title),
      ['Holdfast', 'Alerts and runbooks', 'Console'],
    );
});

test('each dashboard answers “is it well?” first, on one line that nobody scrolls for', (t) => {
  for (const { name, json } of FILES.filter(({ name }) => name !== 'rollout')) {
    const first = panelsOf(json).filter(({ row }) => row === 'Is it well?');
    t.true(first.length >= 6, name);
    for (const { panel } of first) t.like(panel, { type: 'stat', gridPos: { y: 1, h: 4 } });
  }
  // A box as large as a graph for one word is no dashboard.
  for (const { panel, title } of PANELS.filter((each) => each.panel.type === 'stat'))
    t.true((panel.gridPos?.h ?? 0) <= 4 && (panel.gridPos?.w ?? 0) <= 4, title);
  for (const { json } of FILES) {
    const taken = (json.panels ?? []).map(({ gridPos }) => gridPos!);
    for (const { x, w } of taken) t.true(x + w <= 24);
    for (const [index, one] of taken.entries())
      for (const other of taken.slice(index + 1))
        t.false(
          one.x < other.x + other.w && other.x < one.x + one.w && one.y < other.y + other.h && other.y < one.y + one.h,
          'two panels at one place',
        );
  }
});

test('every query of every panel has data from a real Prometheus that scraped a real mesh, and rules evaluate', async (t) => {
  t.timeout(300_000);
  const { mesh, prometheus, seconds, close } = await startDemoMesh(SECONDS);
  try {
    const panels = (
      await Promise.all(
        FILES.map(async ({ name, json }) => {
          const all = await queryPanels(prometheus, json, seconds);
          t.deepEqual(emptyQueries(all), [], name);
          return all;
        }),
      )
    ).flat();
    const series = (title: string) =>
      panels.find((panel) => panel.title === title)!.data.flatMap((each) => each.series);
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
    t.true(peak('Sessions moved, last hour') > 0);
    t.is(peak('Servers down'), 0);
    t.true(peak('Replicas that take sessions') >= 2);
    // `or vector(0)` shows a 0 for what never happened; a name that nobody exports would hide behind it.
    const names = (await (await fetch(`${prometheus.url}/api/v1/label/__name__/values`)).json()) as { data: string[] };
    const readme = readFileSync(new URL('../../sidecar/metrics/README.md', import.meta.url), 'utf8');
    const exported = new Set([
      ...names.data,
      ...[...readme.matchAll(/^\| `((?:mcp|holdfast)_\w+)/gm)].map((match) => match[1]!),
    ]);
    const asked = PANELS.flatMap(({ queries }) =>
      queries.flatMap((expr) => expr.match(/\b(?:mcp|holdfast|envoy|process|nodejs)_\w+(?=[{[)])/g) ?? []),
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
