import { readFileSync, writeFileSync } from 'node:fs';
import { comparisonPage, PAGE } from './comparison-text.ts';

writeFileSync(PAGE, comparisonPage(readFileSync(PAGE, 'utf8')));
