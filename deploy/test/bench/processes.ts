import { startMesh } from '../mesh/start-mesh.ts';
import { atMost, exactly, round } from '../report/objectives.ts';
import { table } from '../report/table.ts';
import { benchMesh, compareMeshes } from './load/side-by-side.ts';
import type { Bench } from './main.ts';

/** Sidecar processes of one gateway. The first is what the others are compared with. */
const COUNTS = [1, 2, 4];
/** What several processes may cost each request more than one. */
const MOST_CPU = 1.1;

export const bench: Bench = {
  description: `gateways with ${COUNTS.join(', ')} sidecar processes: throughput, and CPU of each request`,
  async run({ say, seconds }) {
    await using cleanup = new AsyncDisposableStack();
    const sides = new Map<string, Awaited<ReturnType<typeof startMesh>>>();
    for (const processes of COUNTS)
      sides.set(String(processes), cleanup.use(await startMesh({ ...benchMesh(), processes })));
    const figures = await compareMeshes(sides, seconds);
    say(
      table(
        ['mode', 'processes', 'requests/s ÷ 1 process', 'lowest', 'highest', '1 process µs', 'µs', 'errors'],
        figures.map(({ mode, side, throughput, lowest, highest, cpuUs, errors }) => [
          ...[mode, side],
          ...[throughput, lowest, highest, cpuUs.first, cpuUs.this].map(round),
          errors,
        ]),
      ),
    );
    return {
      objectives: [
        ...figures.map(({ mode, side, leastCpuUs: least }) =>
          atMost(`${mode}, ${side} processes: CPU per request ÷ 1 process`, MOST_CPU, least.this / least.first),
        ),
        exactly(
          'errors',
          0,
          figures.reduce((sum, { errors }) => sum + errors, 0),
        ),
      ],
      figures: { modes: figures },
    };
  },
};
