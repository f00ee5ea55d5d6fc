import { SseReader } from '../../proto/sse-reader.ts';

const MAX_EVENT_BYTES = 64 << 10;

/** Type of the first event of a stream that has data; null when it ends before. What follows stays unread. */
export async function firstEventType(body: AsyncIterable<Buffer>): Promise<string | null> {
  const names: string[] = [];
  const sink = {
    event: ({ name, data }: { name: string; data: Buffer | null }): void => {
      if (data) names.push(name);
    },
    oversize: () => {
      names.push('');
    },
  };
  const reader = new SseReader(sink, MAX_EVENT_BYTES);
  for await (const chunk of body) {
    reader.push(chunk);
    if (names[0] !== undefined) return names[0];
  }
  return null;
}
