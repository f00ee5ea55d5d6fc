import { run } from '../kit/run.ts';
import { queryquill } from './definition.ts';

await run(queryquill);
