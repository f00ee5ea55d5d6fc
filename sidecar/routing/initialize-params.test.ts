import test from 'ava';
import { initializeParamsOf } from './initialize-params.ts';

test('initialize is found alone and in a batch', (t) => {
  t.deepEqual(initializeParamsOf({ method: 'initialize', params: { a: 1 } }), { a: 1 });
  t.deepEqual(initializeParamsOf([{ method: 'ping' }, { method: 'initialize' }]), {});
  t.is(initializeParamsOf({ method: 'ping' }), undefined);
});
