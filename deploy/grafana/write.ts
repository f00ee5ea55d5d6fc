/** `node deploy/grafana/write.ts`: writes `dashboards/*.json`; a test fails when they are not as it would write them. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { dashboardFile } from './dashboard.ts';
import { DASHBOARDS } from './dashboards.ts';

for (const [name, dashboard] of Object.entries(DASHBOARDS))
  writeFileSync(join(import.meta.dirname, 'dashboards', `${name}.json`), dashboardFile(dashboard));
