import { writeFileSync } from 'node:fs';
import { generatedManifests } from './generated-manifests.ts';

/** Writes base/gateway.yaml anew: `node deploy/kubernetes/write.ts`. */
for (const [name, text] of Object.entries(generatedManifests()))
  writeFileSync(new URL(`base/${name}`, import.meta.url), text);
