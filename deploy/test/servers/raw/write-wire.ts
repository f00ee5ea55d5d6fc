import type { ServerResponse } from 'node:http';
import { setImmediate as turn } from 'node:timers/promises';

/** What to write: the text, cut after these bytes; then so many bytes of `x` put in the place of the text's `FILL`. */
export interface Wire {
  text: string;
  cuts?: readonly number[];
  fillBytes?: number;
}

export const FILL = '%FILL%';

/** The bytes of an event stream exactly as asked for, each piece in a packet of its own. */
export async function writeWire(response: ServerResponse, { text, cuts = [], fillBytes = 0 }: Wire): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.socket?.setNoDelay(true);
  const bytes = Buffer.from(text.replace(FILL, () => 'x'.repeat(fillBytes)));
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    if (to > from) response.write(bytes.subarray(from, to));
    from = to;
    await turn();
  }
  response.end();
}
