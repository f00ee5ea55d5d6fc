import { METADATA } from '../../proto/wire.ts';
import { toStruct } from '../../proto/xds/loader.ts';
import { messageType } from '../../proto/xds/schema.ts';
import { WireWriter } from '../../proto/xds/wire-writer.ts';
import { OVERWRITE_IF_EXISTS_OR_ADD, type Reply, type RequestHeadersReply } from './replies.ts';

const response = messageType('envoy.service.ext_proc.v3.ProcessingResponse');
const SEND = 1,
  SKIP = 2,
  BUFFERED = 2;
const writer = new WireWriter();

/** A ProcessingResponse as bytes. */
export function encodeReply(reply: Reply): Buffer {
  if (reply.then !== undefined) return encodeRequestHeaders(reply);
  return response
    .encode(reply['dynamic_metadata'] ? { ...reply, dynamic_metadata: toStruct(reply['dynamic_metadata']) } : reply)
    .finish() as Buffer;
}

/** Written without objects in between, in a third of the time. Field numbers: proto/xds/envoy.service.ext_proc.v3.proto; a test compares with the full encoder. */
function encodeRequestHeaders({ set, metadata, then }: RequestHeadersReply): Buffer {
  writer.begin();
  if (then === 'body') writer.small(3, BUFFERED);
  writer.small(2, then === 'nothing' ? SKIP : SEND);
  writer.message(9, 0); // mode_override
  if (metadata) dynamicMetadata(metadata);
  const end = writer.end;
  if (set) headerMutation(set);
  writer.message(1, end); // response
  writer.message(1, end); // request_headers
  return writer.copy();
}

/** A Struct with one field, which holds one of texts. */
function dynamicMetadata(metadata: Readonly<Record<string, string>>): void {
  const end = writer.end;
  for (const key in metadata) {
    const entry = writer.end;
    writer.latin1(3, metadata[key] ?? '');
    writer.message(2, entry);
    writer.latin1(1, key);
    writer.message(1, entry);
  }
  writer.message(5, end);
  writer.message(2, end);
  writer.latin1(1, METADATA.namespace);
  writer.message(1, end);
  writer.message(8, end);
}

function headerMutation(set: Readonly<Record<string, string>>): void {
  const end = writer.end;
  for (const key in set) {
    const option = writer.end;
    writer.small(3, OVERWRITE_IF_EXISTS_OR_ADD);
    const header = writer.end;
    writer.latin1(3, set[key] ?? '');
    writer.latin1(1, key);
    writer.message(1, header);
    writer.message(1, option);
  }
  writer.message(2, end);
}
