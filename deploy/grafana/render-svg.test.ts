import test from 'ava';
import { lines, now, type Dashboard } from './dashboard.ts';
import { renderSvg } from './render-svg.ts';

const panel = lines('A < B', 's', 'says', ['x', '{{name}}']),
  other = now('Now', 'bool', 'says', ['y', '{{name}}']);
const dashboard: Dashboard = {
  uid: 'u',
  title: 'T & U',
  says: 'says',
  hasServerChoice: false,
  rows: [{ title: 'Row', panels: [panel, other] }],
};

test('a picture has every panel, its values with their units, and no broken markup', (t) => {
  const svg = renderSvg(dashboard, [
    {
      row: 'Row',
      panel,
      data: [
        {
          query: panel.queries[0]!,
          series: [
            {
              labels: { name: 'one' },
              points: [
                [1, 0.25],
                [2, Number.NaN],
                [3, 0.5],
              ],
            },
          ],
        },
      ],
    },
    {
      row: 'Row',
      panel: other,
      data: [{ query: other.queries[0]!, series: [{ labels: { name: 'two' }, points: [[3, 1]] }] }],
    },
  ]);
  for (const wanted of ['T &amp; U', 'A &lt; B', '500 ms', '250 ms', 'one', 'yes', 'two'])
    t.true(svg.includes(wanted), wanted);
  t.false(/NaN|undefined/.test(svg));
  t.is(svg.match(/<polyline/g)?.length, 1);
});

test('a panel without data says so', (t) => {
  t.true(renderSvg(dashboard, [{ row: 'Row', panel, data: [] }]).includes('no data'));
});
