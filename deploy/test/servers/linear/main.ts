import { run } from '../kit/run.ts';
import { linear } from './definition.ts';

await run(linear);
