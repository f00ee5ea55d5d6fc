import { toStruct } from '../../proto/xds/loader.ts';
import { messageType } from '../../proto/xds/schema.ts';
import type { Reply } from './replies.ts';

const response = messageType('envoy.service.ext_proc.v3.ProcessingResponse');

/** A ProcessingResponse as bytes. */
export const encodeReply = (reply: Reply): Buffer =>
  response.encode(reply['dynamic_metadata'] ? { ...reply, dynamic_metadata: toStruct(reply['dynamic_metadata']) } : reply).finish() as Buffer;
