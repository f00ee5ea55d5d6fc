import { availableParallelism, loadavg } from 'node:os';
import { startMesh } from '../mesh/start-mesh.ts';
import { atLeast, atMost, exactly, round, type Objective } from '../report/objectives.ts';
import { table } from '../report/table.ts';
import { benchMesh, compareMeshes } from './load/side-by-side.ts';
import { startBaseMesh } from './load/start-base-mesh.ts';
import type { Bench } from './main.ts';

/** What a change may cost: 3 %. */
const LEAST_THROUGHPUT = 0.97;
const MOST_CPU = 1.03;
/** With more runnable threads per core beside it, requests per second say more about the neighbours: then only CPU per request is judged. */
const QUIET_LOAD_PER_CORE = 0.5;

export const bench: Bench = {
  description:
    'another checkout’s mesh (--base FOLDER, installed and set up) against this one’s, in turn on this machine',
  async run({ say, seconds, base }) {
    const isQuiet = (loadavg()[0] ?? 0) / availableParallelism() < QUIET_LOAD_PER_CORE;
    say(isQuiet ? 'the machine is quiet' : 'the machine is busy: only CPU per request is judged');
    await using baseMesh = await startBaseMesh(base);
    await using branchMesh = await startMesh(benchMesh());
    const sides = new Map([
      ['base', baseMesh],
      ['branch', branchMesh],
    ]);
    const figures = await compareMeshes(sides, seconds);
    say(
      table(
        [
          'mode',
          'requests/s branch ÷ base',
          'lowest',
          'highest',
          'base µs',
          'branch µs',
          'branch µs ÷ base µs',
          'Envoy, sidecar: base → branch',
          'errors',
        ],
        figures.map(({ mode, throughput, lowest, highest, cpuUs, parts, errors }) => [
          mode,
          ...[throughput, lowest, highest].map(round),
          ...[cpuUs.first, cpuUs.this, cpuUs.this / cpuUs.first].map(round),
          parts.map((each) => `${round(each.first)} → ${round(each.this)}`).join(', '),
          errors,
        ]),
      ),
    );
    const objectives = figures.flatMap(({ mode, throughput, cpuUs }): Objective[] => [
      atMost(`${mode}: CPU per request, this checkout ÷ base`, MOST_CPU, cpuUs.this / cpuUs.first),
      ...(isQuiet ? [atLeast(`${mode}: requests/s, this checkout ÷ base`, LEAST_THROUGHPUT, throughput)] : []),
    ]);
    const errors = figures.reduce((sum, one) => sum + one.errors, 0);
    return { objectives: [...objectives, exactly('errors', 0, errors)], figures: { modes: figures } };
  },
};
