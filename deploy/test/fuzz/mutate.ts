/** Small deterministic generator (mulberry32): the same seed gives the same run. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** Bytes that mean something to one of the readers. */
const WORDS = [
  '\n',
  '\r',
  '\r\n',
  '\n\n',
  ':',
  'data:',
  'data: ',
  'event: ',
  'id:',
  'retry: 1',
  '\ufeff',
  '{',
  '}',
  '[',
  ']',
  '"',
  '\\',
  '\\u0041',
  ',',
  '"id":1',
  '"method":"ping"',
  '"params":{}',
  '"result":',
  'null',
  'true',
  '-1e5',
  ' ',
  '~',
  'p~',
  '0~',
  '😀',
  '\0',
].map((word) => Buffer.from(word));
/** Longest mutant, unless the caller says otherwise. */
const MAX_BYTES = 512;

/** A neighbour of `input`: a byte flipped, a piece removed, doubled, or a word of the grammar put in; one to four times. */
export function mutate(input: Buffer, random: () => number, maxBytes = MAX_BYTES): Buffer {
  let bytes: Buffer = Buffer.from(input);
  for (let left = 1 + Math.floor(random() * 4); left > 0; left--) {
    const at = Math.floor(random() * (bytes.length + 1)),
      choice = random();
    if (choice < 0.25 && at < bytes.length) bytes[at] = Math.floor(random() * 256);
    else if (choice < 0.45)
      bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + Math.floor(random() * 8))]);
    else if (choice < 0.6)
      bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.max(0, at - 8), at), bytes.subarray(at)]);
    else
      bytes = Buffer.concat([bytes.subarray(0, at), WORDS[Math.floor(random() * WORDS.length)]!, bytes.subarray(at)]);
  }
  return bytes.length > maxBytes ? bytes.subarray(0, maxBytes) : bytes;
}
