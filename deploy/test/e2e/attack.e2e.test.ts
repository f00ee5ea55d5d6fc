import test from 'ava';
import { QUICK_CASES } from '../attack/cases/index.ts';
import { runInterleavings } from '../attack/interleave/run-interleavings.ts';
import { runLoad, SHORT_LOAD } from '../attack/load/run-load.ts';
import { runCases } from '../attack/run-cases.ts';
import { OPEN_ATTACKS } from '../attack/open-attacks.ts';

/** Goals that are times: `npm run attack` judges them, a test on a shared machine does not. */
const IS_TIME = /\((ms|s|times)\)$/;
const isOpen = (name: string): boolean => OPEN_ATTACKS.some((each) => name.startsWith(each));

test.serial('attacks of every kind are refused, end no process and fail nobody else’s call', async (t) => {
  t.timeout(600_000);
  const { objectives } = await runCases(QUICK_CASES.filter(({ name }) => !isOpen(name)));
  t.true(objectives.length > 30);
  t.deepEqual(
    objectives.filter(({ met }) => !met),
    [],
  );
});

test.serial('two principals never get an answer of each other’s session, however their steps interleave', async (t) => {
  t.timeout(600_000);
  const objectives = await runInterleavings({ interleavings: 200, seed: 7 });
  t.deepEqual(
    objectives.filter(({ name, met }) => !met && !isOpen(name)),
    [],
  );
});

test.serial('honest sessions work while every kind of crowd is there at once', async (t) => {
  t.timeout(600_000);
  const objectives = await runLoad(SHORT_LOAD);
  t.deepEqual(
    objectives.filter(({ name, met }) => !met && !IS_TIME.test(name) && !isOpen(name)),
    [],
  );
});
