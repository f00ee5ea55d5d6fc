import { writeFileSync } from 'node:fs';
import { generatedManifests } from './generated-manifests.ts';

/** Writes the generated manifests again: `node deploy/kubernetes/write.ts`. */
for (const [name, text] of Object.entries(generatedManifests())) writeFileSync(new URL(name, import.meta.url), text);
