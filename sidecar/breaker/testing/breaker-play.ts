import { breakerField, readBreakerField, type BreakerEntry, type FleetBreaker } from '../../../proto/breaker-state.ts';
import { serverPolicySchema } from '../../../proto/server-policy.ts';
import { BreakerTable, type Breaker } from '../breaker-table.ts';
import { BreakerConsensus } from '../breaker-consensus.ts';

const alone = { minSessions: 1, minClients: 1, halfOpenPermits: 1 };
const replicaBreaker = { threshold: 2, timeoutMs: 1000, maxTimeoutMs: 60_000, ...alone };
export const policy = serverPolicySchema.parse({ name: 'linear', replicaBreaker });
const NAME = { server: 'linear', level: 'replica', key: '1' } as const;

/** Gateways and a Redis between them, in one place: messages arrive when the test says so. */
export class Play {
  nowMs = 1_000_000;
  hash = new Map<string, string>();
  isRedisUp = true;
  gateways: Gateway[];
  constructor(count: number) {
    this.gateways = Array.from({ length: count }, (_, index) => new Gateway(`g${index}`, this));
  }

  decide(field: string, seenGeneration: number, decision: FleetBreaker): FleetBreaker {
    const stored = this.hash.get(field);
    const standing = stored ? (JSON.parse(stored) as FleetBreaker) : undefined;
    if (standing && standing.generation > seenGeneration) return standing;
    const taken = { ...decision, generation: Math.max(standing?.generation ?? 0, seenGeneration) + 1 };
    this.publish(field, JSON.stringify(taken));
    return taken;
  }
  publish(field: string, value: string | null): void {
    if (value === null) this.hash.delete(field);
    else this.hash.set(field, value);
    for (const gateway of this.gateways) gateway.inbox.push(readBreakerField(field, value)!);
  }
  deliver(): void {
    for (const gateway of this.gateways) gateway.deliver();
  }
  state(): (string | undefined)[] {
    return this.gateways.map((gateway) => gateway.breaker.gate.state.kind);
  }
}

export class Gateway {
  readonly play: Play;
  readonly consensus: BreakerConsensus;
  readonly table: BreakerTable;
  inbox: BreakerEntry[] = [];
  transitions = 0;
  constructor(self: string, play: Play) {
    this.play = play;
    this.table = new BreakerTable({
      maxBreakers: 10,
      onEvicted: () => {},
      onChange: (breaker) => {
        this.transitions++;
        this.share(breaker);
      },
    });
    this.table.configure(policy);
    this.consensus = new BreakerConsensus({ table: this.table, self, now: () => play.nowMs });
  }
  get breaker(): Breaker {
    return this.table.findOrMake(NAME)!;
  }
  share(breaker: Breaker): void {
    const proposal = this.consensus.propose(breaker);
    if (!proposal) return;
    if (this.play.isRedisUp)
      this.consensus.decided(
        breaker,
        proposal.decision,
        this.play.decide(breakerField(breaker), proposal.seenGeneration, proposal.decision),
      );
    else this.consensus.notShared(breaker);
  }
  deliver(): void {
    for (const entry of this.inbox.splice(0)) this.consensus.hear('linear', entry);
  }
  resync(): void {
    this.inbox = [];
    this.consensus.hearAll(
      'linear',
      [...this.play.hash].map(([field, value]) => readBreakerField(field, value)!),
    );
    for (const breaker of this.consensus.unshared()) this.share(breaker);
  }
  /** One request: `works` says whether the replica answers this gateway. */
  request(works: boolean): 'sent' | 'rejected' {
    const { gate } = this.breaker,
      answer = gate.acquire(this.play.nowMs);
    if (answer.kind === 'reject') return 'rejected';
    gate.settle(answer.permit, works ? 'success' : 'failure', false, this.play.nowMs);
    return 'sent';
  }
}

/** One thing that may happen; `who` is the index of a gateway. */
export type Step =
  | { do: 'request'; who: number; works: boolean }
  | { do: 'deliver' | 'lose' | 'resync'; who: number }
  | { do: 'wait'; ms: number }
  | { do: 'redis'; isUp: boolean }
  | { do: 'delete'; isTold: boolean };

export function takeStep(play: Play, step: Step): void {
  switch (step.do) {
    case 'wait':
      play.nowMs += step.ms;
      return;
    case 'redis':
      play.isRedisUp = step.isUp;
      return;
    case 'delete':
      if (step.isTold) play.publish('replica/1', null);
      else play.hash.clear();
      return;
    case 'request':
      play.gateways[step.who]?.request(step.works);
      return;
    case 'deliver':
      return play.gateways[step.who]?.deliver();
    case 'lose':
      play.gateways[step.who]?.inbox.splice(0);
      return;
    case 'resync':
      if (play.isRedisUp) play.gateways[step.who]?.resync();
  }
}
