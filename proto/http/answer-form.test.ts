import test from 'ava';
import { isEventStream, withoutByteOrderMark } from './answer-form.ts';

test('an event stream is one in any case and with any parameters, and nothing else is', (t) => {
  for (const type of [
    'text/event-stream',
    'Text/Event-Stream',
    'text/event-stream;charset=utf-8',
    'TEXT/EVENT-STREAM ; a=b',
  ])
    t.true(isEventStream(type), type);
  for (const type of [
    'application/json',
    'text/event-streams',
    'x-text/event-stream',
    '',
    undefined,
    ['text/event-stream'],
  ])
    t.false(isEventStream(type), String(type));
});

test('a byte order mark is left out at the beginning alone', (t) => {
  t.is(withoutByteOrderMark(Buffer.from('\ufeff{"a":"\ufeff"}')).toString(), '{"a":"\ufeff"}');
  for (const text of ['', '\ufffd', '{}', 'é']) t.is(withoutByteOrderMark(Buffer.from(text)).toString(), text);
  t.is(withoutByteOrderMark(Buffer.from([0xef, 0xbb])).length, 2);
});
