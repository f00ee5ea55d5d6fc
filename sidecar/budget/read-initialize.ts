import { parseJson } from '../../proto/parse-json.ts';
import { initializeParamsOf } from '../routing/initialize-params.ts';

export interface ReadInitialize {
  /** `params` of initialize; undefined when the body holds none. */
  params: unknown;
  bytes: number;
  isTooLarge: boolean;
}

/**
 * What is kept of a body that may begin a session. A body that is too large is refused. A session that can't be
 * rebuilt would otherwise be found out only when its replica dies.
 */
export function readInitialize(body: Buffer, maxBytes: number): ReadInitialize {
  const params = initializeParamsOf(parseJson(body));
  // Only a body beyond the limit can hold parameters beyond it.
  const bytes =
    params === undefined || body.length <= maxBytes ? body.length : Buffer.byteLength(JSON.stringify(params));
  return { params, bytes, isTooLarge: params !== undefined && bytes > maxBytes };
}
