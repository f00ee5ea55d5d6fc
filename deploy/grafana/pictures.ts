/** `node deploy/grafana/pictures.ts [seconds] [folder]`: runs a lively mesh under a real Prometheus and draws each dashboard with what it measured. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DASHBOARDS } from './dashboards.ts';
import { livelyMesh } from './lively-mesh.ts';
import { emptyQueries, queryPanels } from './query-panels.ts';
import { renderSvg } from './render-svg.ts';

const seconds = Number(process.argv[2] ?? 60),
  folder = process.argv[3] ?? join(import.meta.dirname, 'pictures');
if (!(seconds >= 10 && seconds <= 3600)) {
  console.error('usage: node deploy/grafana/pictures.ts [seconds, 10 to 3600] [folder]');
  process.exit(64);
}
mkdirSync(folder, { recursive: true });
const {
  prometheus,
  seconds: ran,
  close,
} = await livelyMesh(seconds, (line) => {
  console.log(line);
});
try {
  for (const [name, dashboard] of Object.entries(DASHBOARDS)) {
    const panels = await queryPanels(prometheus, dashboard, ran);
    for (const empty of emptyQueries(panels)) console.error(`${name} has no data for ${empty}`);
    const file = join(folder, `${name}.svg`);
    writeFileSync(file, renderSvg(dashboard, panels));
    console.log(file);
  }
} finally {
  await close();
}
