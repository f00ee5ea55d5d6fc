import test from 'ava';
import { detach } from './detach.ts';

test('a rejection and a synchronous exception both reach onError', async (t) => {
  const errors: unknown[] = [];
  const onError = (error: unknown): void => {
    errors.push(error);
  };
  detach(Promise.reject(new Error('late')), onError);
  detach(() => {
    throw new Error('at once');
  }, onError);
  detach(async () => {
    throw new Error('in an async function');
  }, onError);
  await new Promise((done) => setImmediate(done));
  t.deepEqual(errors.map((error) => (error as Error).message).sort(), ['at once', 'in an async function', 'late']);
});

test('an onError that throws does not reach the process', async (t) => {
  detach(Promise.reject(new Error('x')), () => {
    throw new Error('from the report');
  });
  await new Promise((done) => setImmediate(done));
  t.pass();
});
