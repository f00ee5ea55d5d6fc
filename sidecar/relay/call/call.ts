import type { ServerPolicy } from '../../../proto/server-policy.ts';
import type { Attempts } from './attempts.ts';
import { nextStep, type Ending, type Facts, type Finding, type Step } from './next-step.ts';
import type { Destination } from './target.ts';

/** Steps that are neither an attempt nor an ending: the targets of the call know how to take them. */
export type Errand = Exclude<Step, { do: 'send' | 'again' }>;

/** One request on its way through as many attempts as it takes. */
export interface Call {
  readonly policy: Pick<ServerPolicy, 'onReplicaLoss' | 'limits'>;
  readonly attempts: Pick<Attempts, 'admit' | 'release'>;
  /** Its client has its answer, or went away. */
  readonly isOver: boolean;
  facts(): Facts;
  /** Where the first attempt goes. */
  begin(): Finding | Promise<Finding>;
  /** One attempt; resolves once. */
  attempt(to: Destination): Promise<Finding>;
  carryOut(errand: Errand): Finding | Promise<Finding>;
  finish(ending: Ending): void | Promise<void>;
}

/** Replicas that are asked for what nobody remembers: each refusal costs it next to nothing. */
const MAX_SOUGHT = 16;

/** Sends a request, and goes on as `nextStep` says until its client has an answer. */
export async function runCall(call: Call): Promise<void> {
  const began = call.begin();
  let finding = began instanceof Promise ? await began : began;
  let at: Destination | null = null;
  while (!call.isOver) {
    const step = nextStep(finding, call.facts(), call.policy);
    switch (step.do) {
      case 'send':
        at = step.to;
        finding = await attempt(call, at, step.otherwise);
        break;
      case 'again':
        if (!at) throw new Error('nothing was sent that could be sent again');
        finding = await attempt(call, at);
        break;
      case 'elsewhere':
      case 'neighbour':
      case 'ping':
      case 'recover':
      case 'learn':
        finding = await call.carryOut(step);
        break;
      default:
        return call.finish(step);
    }
  }
}

async function attempt(call: Call, to: Destination, otherwise?: Ending): Promise<Finding> {
  const admission = await call.attempts.admit(to.at === 'seek' ? MAX_SOUGHT : call.policy.limits.attempts);
  if (call.isOver) {
    call.attempts.release();
    return { is: 'cancelled' };
  }
  if (admission !== 'granted') return { is: admission, ...(otherwise && { otherwise }) };
  return call.attempt(to);
}
