import { LIMIT_KEYS, type LimitName } from '../../proto/limits.ts';
import { RPC_ERROR } from '../../proto/rpc-error.ts';

/** How a request is refused that is beyond a limit. */
export interface LimitRefusal {
  limit: LimitName;
  /** HTTP status while nothing was answered yet. */
  status: 408 | 413 | 503;
  code: number;
  message: string;
}

/** What a client did that is no fault of the moment: to send it again changes nothing. */
const STATUS: Partial<Record<LimitName, LimitRefusal['status']>> = {
  body_time: 408,
  body_rate: 408,
  body_size: 413,
  initialize_bytes: 413,
};

const DESCRIPTION: Record<LimitName, string> = {
  body_time: 'The request took too long to arrive',
  body_rate: 'The request arrived too slowly',
  body_bytes: 'The gateway holds too many bytes of requests',
  body_bytes_per_address: 'The gateway holds too many bytes of this client’s requests',
  body_size: 'The body is larger than the limit',
  initialize_bytes: 'The parameters of initialize are too large to be kept with the session',
  initialize_rate: 'This client begins sessions too fast',
  sessions_per_principal: 'This user has too many sessions',
  sessions_per_address: 'This client has too many sessions',
  calls_per_session: 'Too many calls of this session are in flight',
  calls_per_client: 'Too many calls of this client are in flight to the replica',
  streams_per_session: 'Too many streams of this session are open',
  attempts: 'The request was sent as often as it may be',
  fleet_rate: 'Too many calls in the fleet',
  request_rate: 'Rate limit reached',
  store_memory: 'The session store is full',
};

/** The refusal by a limit; its text names the key that raises it, and the server where the key is a server's. */
export function limitRefusal(limit: LimitName, server: string): LimitRefusal {
  const status = STATUS[limit] ?? 503,
    key = LIMIT_KEYS[limit].replace('servers[]', `servers[${server}]`);
  return {
    limit,
    status,
    code: status === 413 ? RPC_ERROR.tooLarge : status === 408 ? RPC_ERROR.badRequest : RPC_ERROR.overload,
    message: `${DESCRIPTION[limit]} (limit: ${key})`,
  };
}
