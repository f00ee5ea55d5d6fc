import test from 'ava';
import { playScene } from './play-scenes.ts';
import { RAW_REPORTS } from './reports/raw-reports.ts';

test('what users reported on the wire holds (npm run field has the rest)', async (t) => {
  t.timeout(170_000);
  const rows = await playScene(RAW_REPORTS);
  t.deepEqual(
    rows.filter(({ met }) => met !== true),
    [],
  );
});
