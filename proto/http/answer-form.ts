/** Whether a Content-Type is that of server-sent events. Names of media types are the same in any case. */
export const isEventStream = (contentType: unknown): boolean =>
  typeof contentType === 'string' && /^text\/event-stream\s*(?:;|$)/i.test(contentType);

const BYTE_ORDER_MARK = Buffer.from('\ufeff');

/** A body without the mark that some servers write before their JSON. Clients pass over it, and `JSON.parse` does not. */
export const withoutByteOrderMark = (body: Buffer): Buffer =>
  body.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK) ? body.subarray(BYTE_ORDER_MARK.length) : body;
