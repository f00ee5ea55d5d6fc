import test from 'ava';
import { output } from './output.ts';

function streams(isTTY: boolean, columns = 20) {
  let written = '';
  const stream = { isTTY, columns, write: (text: string) => (written += text) } as unknown as NodeJS.WriteStream;
  return { out: output(false, stream, stream), written: () => written };
}

test('on a narrow terminal a screen has no line that wraps, elsewhere lines stay whole', (t) => {
  const text = 'server  tool  calls a second\nlinear  echo  1.0';
  const narrow = streams(true);
  narrow.out.screen({}, () => text);
  t.is(narrow.written(), '\u001b[H\u001b[2Jserver  tool  calls…\nlinear  echo  1.0\n');
  const pipe = streams(false);
  pipe.out.screen({}, () => text);
  t.is(pipe.written(), `${text}\n`);
});

test('a line after progress begins a line of its own on a terminal', (t) => {
  const { out, written } = streams(true);
  out.progress('19 checks');
  out.line({}, () => 'warn  linear');
  out.settle();
  t.is(written(), '\r\u001b[2K19 checks\nwarn  linear\n');
});
