import test from 'ava';
import { Registry } from 'prom-client';
import { contained, internalErrors } from './internal-errors.ts';

test('what is thrown or rejected inside a contained callback is counted by its entry and reaches nobody else', async (t) => {
  const registry = new Registry();
  const lines: object[] = [];
  const errors = internalErrors(registry, { error: (line: object) => void lines.push(line) } as never);
  const failing = contained(errors, 'timer', (text: string) => {
    throw new TypeError(text);
  });
  t.notThrows(() => failing('no such thing'));
  contained(errors, 'timer', async () => Promise.reject(new Error('later')))();
  contained(errors, 'listener', () => Promise.resolve('fine'))();
  await new Promise((resolve) => setImmediate(resolve));
  t.regex(await registry.metrics(), /^holdfast_internal_errors_total\{where="timer"\} 2$/m);
  t.notRegex(await registry.metrics(), /listener/);
  t.is(lines.length, 2);
});

test('a log that throws does not make the report throw', (t) => {
  const broken = internalErrors(new Registry(), {
    error: () => {
      throw new Error('disk full');
    },
  } as never);
  t.notThrows(() => broken.report('timer', new Error('x')));
});
