import { HEADER } from '../../../proto/wire.ts';
import type { ServerPolicy } from '../../../proto/server-policy.ts';
import type { Attempts } from './attempts.ts';
import { attempt, type AnswerWatch } from './attempt.ts';
import { runCall, type Call, type Errand } from './call.ts';
import type { AttemptResult, Ending, Facts, Finding } from './next-step.ts';
import type { PostCall } from './post-call.ts';
import type { Targets } from './targets/targets.ts';
import type { Destination } from './target.ts';
import { tracedAttempt, tracedAttempts, tracedBegin } from './trace-post.ts';

/** Carries one POST out. Rejects with what its own code throws. */
export const runPost = (call: PostCall, targets: Targets): Promise<void> => runCall(new PostRun(call, targets));

/** A POST and its targets, as the loop sees them. */
class PostRun implements Call {
  readonly #call: PostCall;
  readonly #targets: Targets;
  readonly #neighbours = new Set<string>();
  readonly policy: ServerPolicy;
  readonly attempts: Pick<Attempts, 'admit' | 'release'>;

  constructor(call: PostCall, targets: Targets) {
    this.#call = call;
    this.#targets = targets;
    this.policy = call.view.policy;
    this.attempts = tracedAttempts(call);
  }

  get isOver(): boolean {
    return this.#call.isOver;
  }
  facts(): Facts {
    return this.#call.facts();
  }
  begin(): Finding | Promise<Finding> {
    return tracedBegin(this.#call, () => this.#targets.begin());
  }

  async attempt(to: Destination): Promise<AttemptResult> {
    const isOurs = to.at !== 'neighbour';
    const result = await tracedAttempt(this.#call, to, () =>
      attempt(this.#call, to, isOurs ? this.#targets : UNWATCHED),
    );
    if (result.is === 'answered' && result.hint === 'not-held') this.#call.refusal ??= result.answer;
    if (result.is === 'expired' && isOurs) this.#targets.expired();
    return result;
  }

  carryOut(errand: Errand): Finding | Promise<Finding> {
    return errand.do === 'neighbour' ? this.#toNeighbour(errand.otherwise) : this.#targets.carryOut(errand);
  }

  async finish(ending: Ending): Promise<void> {
    if (ending.do !== 'deliver') return this.#call.finish(ending);
    const { answer } = ending;
    if (this.#call.target) {
      this.#targets.head(answer.status, answer.headers);
      await this.#targets.keep(answer.data ?? answer.body);
      if (this.#call.isOver) return;
    }
    this.#call.deliver(answer);
  }

  /** Another gateway's relay may know what this one can't find out. It never hands a request on to a third. */
  #toNeighbour(otherwise: Ending): Finding {
    const { client, ctx, request, view } = this.#call;
    const isForwarded = request.incoming.headers[HEADER.forwarded] !== undefined;
    const address = view.relays.find((relay) => relay !== ctx.ownRelay && !this.#neighbours.has(relay));
    if (isForwarded || !client.isFresh || address === undefined) return { is: 'nowhere', otherwise };
    this.#neighbours.add(address);
    return { is: 'found', to: { at: 'neighbour', address } };
  }
}

/** The neighbour writes down what its replica's answer says. */
const UNWATCHED: AnswerWatch = { head: () => undefined, keep: () => null };
