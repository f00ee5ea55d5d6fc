import test from 'ava';
import { table } from '../../report/table.ts';
import { faultRows, faultTable } from './fault-table.ts';

test('every path under every fault of a replica: nothing hangs, no session is lost, nothing unsafe runs twice', async (t) => {
  t.timeout(180_000);
  const cells = await faultTable();
  const { head, rows } = faultRows(cells);
  t.log(table(head, rows));
  t.deepEqual(
    cells.filter(({ isRight }) => !isRight),
    [],
  );
});
