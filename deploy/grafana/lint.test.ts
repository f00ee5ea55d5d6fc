import { join } from 'node:path';
import process from 'node:process';
import test from 'ava';
import { runCommand } from '../setup/run-command.ts';
import { findProgram } from '../test/find-program.ts';
import { testWith } from '../test/test-with.ts';
import { grafanaJson } from './dashboard.ts';
import { DASHBOARDS } from './dashboards.ts';
import { panelsOf } from './query-panels.ts';

const FILES = Object.entries(DASHBOARDS).map(([name, dashboard]) => ({ name, json: grafanaJson(dashboard) }));

/** Grafana's dashboard-linter. */
const linter = findProgram('DASHBOARD_LINTER_BIN', ['dashboard-linter'], process.env);
testWith(
  'dashboard-linter on PATH or in DASHBOARD_LINTER_BIN: go install github.com/grafana/dashboard-linter@latest',
  linter !== null,
  'Grafana’s dashboard-linter finds nothing, apart from what dashboards/.lint gives reasons for',
  async (t) => {
    for (const { name } of FILES) {
      const file = join(import.meta.dirname, 'dashboards', `${name}.json`);
      const result = await runCommand(linter ?? '', ['lint', '--strict', file], 60_000);
      t.is(result.kind, 'done', result.kind === 'failed' ? result.why : '');
    }
  },
);

// What the linter's rules ask for, by their names; held also where the linter can't be had.
test('template-datasource-rule, panel-datasource-rule: the data source is chosen, and every query uses it', (t) => {
  for (const { json } of FILES) {
    const [first] = json.templating?.list ?? [];
    t.like(first, { type: 'datasource', name: 'datasource', label: 'Data source', query: 'prometheus' });
    const sources = [...JSON.stringify(json).matchAll(/"datasource":\{"type":"prometheus","uid":"([^"]*)"\}/g)];
    t.true(sources.length > 20);
    t.deepEqual([...new Set(sources.map(([, uid]) => uid))], ['${datasource}']);
  }
});

test('template-on-time-change-reload-rule, uneditable-dashboard: variables follow the time range, files are the source', (t) => {
  for (const { json } of FILES) {
    t.false(json.editable);
    const choices = (json.templating?.list ?? []).filter(({ type }) => type === 'query');
    t.deepEqual(
      choices.map(({ name, refresh, allValue }) => ({ name, refresh, allValue })),
      ['server', 'gateway'].map((name) => ({ name, refresh: 2, allValue: '.+' })),
    );
  }
});

test('panel-title-description-rule, panel-units-rule: each panel says what it shows, and in which unit', (t) => {
  for (const { title, description, panel, queries } of FILES.flatMap(({ json }) => panelsOf(json))) {
    t.true(title.length > 2 && description.length >= 8 && queries.length > 0, title);
    t.truthy('fieldConfig' in panel && panel.fieldConfig?.defaults.unit, title);
  }
});

test('target-rate-interval-rule, target-counter-agg-rule: rates take Grafana’s interval, counters are never shown raw', (t) => {
  for (const { title, queries } of FILES.flatMap(({ json }) => panelsOf(json)))
    for (const query of queries) {
      for (const [, range] of query.matchAll(/rate\([^[]*\[([^\]]+)\]/g)) t.is(range, '$__rate_interval', title);
      for (const [, before] of query.matchAll(/(\w*\()?\w+_total\b/g))
        t.regex(before ?? '', /^(rate|increase)\($/, query);
    }
});
