/** `node deploy/prometheus/write.ts`: writes the files that come from code; a test fails when they are not as it would write them. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generatedFiles } from './generated-files.ts';

for (const [name, content] of Object.entries(generatedFiles())) writeFileSync(join(import.meta.dirname, name), content);
