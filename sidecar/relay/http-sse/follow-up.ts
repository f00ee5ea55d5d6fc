import type { RpcError } from '../../../proto/rpc-error.ts';
import type { ServerView } from '../../xds/topology.ts';
import { meshErrors, outcomeOfError, verbatimId, type MeshError } from '../client/mesh-errors.ts';
import type { RelayContext } from '../relay-context.ts';
import { isSafeToRepeat, type PendingCall, type PendingCalls } from './pending-calls.ts';
import type { ReplicaStream } from './replica-stream.ts';

/** The first page must do: the call waits. */
const TOOLS = { jsonrpc: '2.0', id: 'holdfast-tools', method: 'tools/list' } as const;

type Context = Pick<RelayContext, 'breakers' | 'budget' | 'metrics' | 'now' | 'tools'>;

/** What becomes of the calls of an HTTP+SSE session whose answer died with its replica, or will not come. */
export class FollowUp {
  readonly #ctx: Context;
  readonly #view: ServerView;
  readonly #calls: PendingCalls;
  readonly #tell: (error: RpcError) => void;

  /** `tell` puts an error on the client's stream. */
  constructor(ctx: Context, view: ServerView, calls: PendingCalls, tell: (error: RpcError) => void) {
    this.#ctx = ctx;
    this.#view = view;
    this.#calls = calls;
    this.#tell = tell;
  }

  /** Carried out again when that is safe, else its client is told. */
  async again(call: PendingCall, stream: ReplicaStream): Promise<void> {
    const { name, policy } = this.#view;
    const { retryBudget, timeouts, limits } = policy;
    await this.#learn(call, stream);
    if (this.#calls.of(call.message) !== call) return;
    if (!this.#isSafe(call)) {
      this.#ctx.metrics.retry(name, 'unsafe');
      return this.fail(call, 'replicaLost', true);
    }
    if (call.attempts >= limits.attempts) return this.fail(call, 'noReplica', true);
    call.attempts += 1;
    call.slot = stream.replica.slot;
    const budget = this.#ctx.budget(name);
    const isGranted = await budget.acquire(retryBudget.percent, retryBudget.floor, timeouts.recoveryMs);
    this.#ctx.metrics.retry(name, isGranted ? 'sent' : 'budget');
    try {
      if (this.#calls.of(call.message) !== call) return;
      if (!isGranted) return this.fail(call, 'overload', true);
      await this.#send(call, stream);
    } finally {
      if (isGranted) budget.release();
    }
  }

  fail(call: PendingCall, kind: MeshError, sessionRecovered: boolean): void {
    const { message, outcome, slot, attempts } = call;
    const { name: server } = this.#view;
    const hasGone = slot !== null || kind === 'deadline';
    const retrySafe = !hasGone || this.#isSafe(call);
    if (!retrySafe) this.#ctx.metrics.ambiguousCall(server);
    const delivery = hasGone ? 'sent_no_response' : 'not_sent';
    const facts = { server, replica: slot, attempts, outcome: delivery, retrySafe, sessionRecovered } as const;
    for (const error of meshErrors(kind, [verbatimId(message)], facts)) this.#tell(error);
    if (kind === 'deadline') outcome.timedOut();
    outcome.finish(200, false, outcomeOfError(kind));
    this.#calls.remove(message);
  }

  async #send(call: PendingCall, stream: ReplicaStream): Promise<void> {
    const { name, policy } = this.#view;
    const gate = this.#ctx.breakers.gate(name, stream.replica.slot, call.outcome.tool, this.#ctx.now());
    if (gate.kind === 'reject') return this.fail(call, 'breakerOpen', true);
    call.outcome.sent(stream.replica, gate.permit);
    call.deadline.start();
    const answer = await stream.post(call.body, policy.timeouts.recoveryMs);
    if (answer.kind !== 'answered' || answer.status >= 300) this.fail(call, 'replicaLost', true);
  }

  /** What its tool says of itself may decide, and nobody has heard it yet. */
  async #learn({ outcome: { tool } }: PendingCall, stream: ReplicaStream): Promise<void> {
    const { name, policy } = this.#view;
    const { tools } = this.#ctx;
    if (!policy.trustAnnotations || tool === null || tools.knows(name) || tools.of(name, tool)) return;
    const answer = await stream.ask(TOOLS, policy.timeouts.recoveryMs);
    if (answer?.result !== undefined) tools.learn(name, answer.result);
  }

  #isSafe(call: PendingCall): boolean {
    return isSafeToRepeat(call, this.#view.policy, (tool) => this.#ctx.tools.of(this.#view.name, tool));
  }
}
