import test from 'ava';
import fc from 'fast-check';
import { frame, FrameReader } from './grpc-frames.ts';

test('messages come back whole, wherever the bytes are cut', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 50 })),
      fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }),
      (messages, cuts) => {
        const bytes = Buffer.concat(messages.map(frame)),
          reader = new FrameReader(50),
          read: Buffer[] = [];
        for (let at = 0, i = 0; at < bytes.length; i += 1) {
          const end = at + cuts[i % cuts.length]!;
          const got = reader.push(bytes.subarray(at, end));
          if (typeof got === 'string') return false;
          read.push(...got);
          at = end;
        }
        return (
          read.length === messages.length &&
          read.every((message, i) => Buffer.compare(message, Buffer.from(messages[i]!)) === 0)
        );
      },
    ),
  );
  t.pass();
});

test('what is too long or compressed is refused before it is read', (t) => {
  t.regex(String(new FrameReader(10).push(frame(Buffer.alloc(11)).subarray(0, 5))), /larger than 10/);
  t.regex(String(new FrameReader(10).push(Buffer.from([1, 0, 0, 0, 1]))), /compressed/);
});
