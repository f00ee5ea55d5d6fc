import test from 'ava';
import { good, not, type DoctorCheck } from '../admin/doctor.ts';
import { doctorChanges } from './doctor-changes.ts';

const bad = not('bad', 'redis', 'Redis', 'away', 'start it');
const well = good('redis', 'Redis', 'answers');
const shown = (before: DoctorCheck[] | null, after: DoctorCheck[]) =>
  doctorChanges(before, after).map(({ name, was, verdict }) => [name, was, verdict]);

test('the first round shows what is not good; later ones what changed', (t) => {
  const other = good('servers', 'linear', 'well');
  t.deepEqual(shown(null, [bad, other]), [['Redis', null, 'bad']]);
  t.deepEqual(shown([bad, other], [bad, other]), []);
  t.deepEqual(shown([bad], [well]), [['Redis', 'bad', 'good']]);
  t.deepEqual(shown([well], [bad]), [['Redis', 'good', 'bad']]);
  t.deepEqual(shown([well], [{ ...well, description: 'answers in 1 ms' }]), [], 'figures that differ are no change');
});

test('a finding whose subject is gone is over; what is new and good is no news', (t) => {
  t.deepEqual(shown([bad], []), [['Redis', 'bad', 'gone']]);
  t.deepEqual(shown([well], []), []);
  t.deepEqual(shown([], [well]), []);
});
