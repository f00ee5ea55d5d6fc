/** `node deploy/grafana/write.ts`: writes `dashboards/*.json`; a test fails when they are not as it would write them. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DASHBOARDS } from './dashboards.ts';
import { grafanaJson } from './grafana-json.ts';

for (const [name, dashboard] of Object.entries(DASHBOARDS)) {
  writeFileSync(
    join(import.meta.dirname, 'dashboards', `${name}.json`),
    `${JSON.stringify(grafanaJson(dashboard), null, 1)}\n`,
  );
}
