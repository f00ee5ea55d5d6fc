import { startMesh } from '../mesh/start-mesh.ts';
import { startCollector } from '../otlp/start-collector.ts';
import { atLeast, atMost, exactly, round } from '../report/objectives.ts';
import { table } from '../report/table.ts';
import { benchMesh, compareMeshes } from './load/side-by-side.ts';
import { startBaseMesh } from './load/start-base-mesh.ts';
import type { Bench } from './main.ts';

const RATIO = 0.01;
/** What 1 % of the traces may cost. */
const MOST_CPU = 1.02;

export const bench: Bench = {
  description: `what tracing costs each request: off, and ${RATIO * 100} % of the traces kept; with --base FOLDER another checkout, without tracing, as well`,
  async run({ say, seconds, base }) {
    const collector = await startCollector('grpc');
    try {
      await using off = await startMesh(benchMesh());
      await using traced = await startMesh(
        benchMesh(undefined, (config) => {
          config['tracing'] = { endpoint: collector.endpoint, sampling: { ratio: RATIO } };
        }),
      );
      await using own = await startMesh(
        benchMesh(undefined, (config) => {
          config['tracing'] = { endpoint: collector.endpoint, from: ['sidecars'], sampling: { ratio: RATIO } };
        }),
      );
      await using former = base === undefined ? null : await startBaseMesh(base);
      const sides = new Map([
        ['off', off],
        ['1 %', traced],
        ['1 %, sidecars alone', own],
        ...(former ? ([['base', former]] as const) : []),
      ]);
      const figures = await compareMeshes(sides, seconds);
      say(
        table(
          [
            'mode',
            'side',
            'requests/s ÷ off',
            'lowest',
            'highest',
            'off µs',
            'µs',
            'least off µs',
            'least µs',
            'least ÷ least off',
            'errors',
          ],
          figures.map(({ mode, side, throughput, lowest, highest, cpuUs, leastCpuUs: least, errors }) => [
            ...[mode, side],
            ...[throughput, lowest, highest].map(round),
            ...[cpuUs.first, cpuUs.this, least.first, least.this, least.this / least.first].map(round),
            errors,
          ]),
        ),
      );
      const errors = figures.reduce((sum, one) => sum + one.errors, 0);
      return {
        objectives: [
          ...figures
            .filter(({ side }) => side !== 'base')
            .map(({ mode, side, leastCpuUs: least }) =>
              atMost(`${mode}, ${side}: CPU per request ÷ off`, MOST_CPU, least.this / least.first),
            ),
          exactly('errors', 0, errors),
          atLeast('spans that the collector took', 1, collector.spans.length),
        ],
        figures: { modes: figures },
      };
    } finally {
      await collector.close();
    }
  },
};
