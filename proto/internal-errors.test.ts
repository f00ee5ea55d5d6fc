import test from 'ava';
import { Registry } from 'prom-client';
import { describeError } from './describe-error.ts';
import { contained, internalErrors } from './internal-errors.ts';

const SECRET = 'Bearer very-secret';

function thrownBy(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
}

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

test('a described error names the place and holds nothing of what was sent', (t) => {
  const parse = () => JSON.parse(`{"authorization": ${SECRET}}`) as unknown;
  const errors = [
    thrownBy(parse),
    thrownBy(() => BigInt(SECRET)),
    thrownBy(() => Buffer.from('x').equals(SECRET as never)),
    thrownBy(() => new URL(SECRET)),
    thrownBy(() => {
      throw SECRET;
    }),
  ];
  for (const error of errors) t.notRegex(JSON.stringify(describeError(error)), /very-secret/);
  t.true(describeError(errors[0]).at.some((place) => place.includes('internal-errors.test.ts')));
  t.is(describeError(errors[3]).code, 'ERR_INVALID_URL');
  t.is(describeError(new RangeError('Maximum call stack size exceeded')).message, 'Maximum call stack size exceeded');
});
