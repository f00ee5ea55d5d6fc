import test from 'ava';
import fc from 'fast-check';
import { serverPolicySchema } from '../../../proto/server-policy.ts';
import { RetryBudget } from '../../recovery/retry-budget.ts';
import { Attempts } from './attempts.ts';
import { runCall, type Call, type Errand } from './call.ts';
import type { AttemptResult, Ending, Facts, Finding } from './next-step.ts';
import type { Destination } from './target.ts';

const replica = { server: 's', replica: 'r', backend: 'b', slot: '1', address: 'a', isSteady: true, weight: 1 };
const target = { replica: { ...replica, state: 'active' as const }, upstreamId: 'u', record: null };
const placeAt = (at: Destination['at']): Destination => (at === 'neighbour' ? { at, address: 'n' } : { at, target });
const whole = { status: 200, headers: {}, body: Buffer.from('{}') };

const anyAt = fc.constantFrom<Destination['at']>('session', 'replica', 'holder', 'seek', 'neighbour');
const delivery = fc.constantFrom('not_sent' as const, 'sent_no_response' as const, 'partial_response' as const);
const anyResult: fc.Arbitrary<AttemptResult> = fc.oneof(
  fc.record({
    is: fc.constant('answered' as const),
    answer: fc.constant(whole),
    hint: fc.constantFrom('plain', 'unknown-session', 'uninitialized', 'not-held', 'unavailable'),
  }),
  fc.record({
    is: fc.constant('streamed' as const),
    end: fc.constantFrom('answered', 'resumable', 'unanswered', 'mid-event'),
  }),
  {
    weight: 4,
    arbitrary: fc.record({
      is: fc.constant('failed' as const),
      delivery,
      code: fc.constantFrom('ECONNREFUSED', 'UND_ERR_SOCKET', 'HOLDFAST_FULL'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      is: fc.constant('rejected' as const),
      level: fc.constantFrom('replica', 'tool'),
      key: fc.constant('k'),
      retryAfterMs: fc.nat(),
    }),
  },
  fc.record({ is: fc.constantFrom('expired', 'cancelled', 'crashed') }),
);

/** What random chance decides about one call. */
interface Script {
  at: Destination['at'];
  results: AttemptResult[];
  /** Each decides one thing that a target is asked for. */
  luck: number[];
  isSafe: boolean;
  /** What the tool says once it was asked; null: it was known before. */
  learns: boolean | null;
  percent: number;
  floor: number;
  most: number;
}
const anyScript: fc.Arbitrary<Script> = fc.record({
  at: anyAt,
  results: fc.array(anyResult, { minLength: 1, maxLength: 30 }),
  luck: fc.array(fc.nat(999), { minLength: 1, maxLength: 30 }),
  isSafe: fc.boolean(),
  learns: fc.option(fc.boolean()),
  percent: fc.nat(100),
  floor: fc.nat(3),
  most: fc.integer({ min: 1, max: 6 }),
});

/** A call whose attempts come to what the script says, again and again. It notes what the loop does. */
class ScriptedCall implements Call {
  readonly policy;
  readonly attempts: Attempts;
  readonly budget = new RetryBudget();
  readonly endings: Ending[] = [];
  readonly sentTo: Destination['at'][] = [];
  mostResending = 0;
  sentUnsafe = 0;
  #steps = 0;
  #at: Destination['at'] | null = null;
  #isSent = false;
  #isRecovered = false;
  #learned = false;
  readonly #script: Script;

  constructor(script: Script) {
    this.#script = script;
    const { percent, floor, most } = script;
    this.policy = serverPolicySchema.parse({
      name: 's',
      retryBudget: { percent, floor },
      timeouts: { recoveryMs: 1 },
      limits: { attempts: most },
    });
    const { policy, budget } = this;
    budget.began();
    this.attempts = new Attempts({
      budget,
      policy,
      random: () => 0.5,
      counted: () => undefined,
      sleep: async () => undefined,
    });
  }

  get isOver(): boolean {
    return this.endings.length > 0;
  }
  get #isSafe(): boolean {
    return !this.#isSent || this.#script.isSafe || (this.#learned && this.#script.learns === true);
  }
  facts(): Facts {
    return {
      at: this.#at,
      isSafe: this.#isSafe,
      mightBeSafe: !this.#isSafe && this.#script.learns !== null && !this.#learned,
      attempts: this.attempts.sent,
      rejections: this.attempts.rejected,
      isResent: false,
      isComplete: false,
      isFresh: this.#luck() % 2 === 0,
      isRecovered: this.#isRecovered,
      isNamed: false,
      isInitialize: this.#luck() % 4 === 0,
      isGarbage: this.#luck() % 4 === 0,
      refusal: null,
    };
  }
  begin(): Finding {
    return { is: 'found', to: placeAt(this.#script.at) };
  }
  async attempt(to: Destination): Promise<AttemptResult> {
    this.#at = to.at;
    this.sentTo.push(to.at);
    if (!this.#isSafe) this.sentUnsafe++;
    this.mostResending = Math.max(this.mostResending, this.budget.resending);
    const { results } = this.#script;
    const result = results[(this.sentTo.length - 1) % results.length] ?? { is: 'cancelled' };
    if (result.is === 'rejected') this.attempts.rejected++;
    else this.attempts.sent++;
    if ((result.is === 'failed' && result.delivery !== 'not_sent') || result.is === 'streamed') this.#isSent = true;
    await undefined;
    this.attempts.release();
    return result;
  }
  carryOut(errand: Errand): Finding {
    const luck = this.#luck();
    switch (errand.do) {
      case 'elsewhere':
      case 'neighbour':
        if (luck % 8 === 0) return { is: 'nowhere', otherwise: errand.otherwise };
        return {
          is: 'found',
          to: placeAt(errand.do === 'neighbour' ? 'neighbour' : (this.#at ?? 'replica')),
          otherwise: errand.otherwise,
        };
      case 'ping': {
        const states = ['alive', 'unknown-session', 'uninitialized', 'unreachable', 'hanging'] as const;
        return {
          is: 'pinged',
          state: states[luck % 5] ?? 'alive',
          suspect: errand.suspect,
          isRefusal: errand.isRefusal,
        };
      }
      case 'recover':
        if (luck % 5 === 0) return { is: 'not-recovered', of: errand, reason: 'unsure' };
        if (luck % 7 === 0) return { is: 'still-recovering' };
        this.#isRecovered = true;
        return { is: 'recovered', to: placeAt('session') };
      case 'learn':
        this.#learned = true;
        return { is: 'learned', next: errand.next };
    }
  }
  finish(ending: Ending): void {
    this.endings.push(ending);
  }
  #luck(): number {
    return this.#script.luck[this.#steps++ % this.#script.luck.length] ?? 0;
  }
}

test('whatever its attempts come to, a call ends once, within its cap and its budget, and repeats nothing unsafe', async (t) => {
  await fc.assert(
    fc.asyncProperty(anyScript, async (script) => {
      const call = new ScriptedCall(script);
      await runCall(call);
      t.is(call.endings.length, 1);
      const soughtUpTo = call.sentTo.includes('seek') ? 16 : 0;
      t.true(call.sentTo.length <= Math.max(script.most, soughtUpTo), `${call.sentTo.length} attempts`);
      t.true(call.mostResending <= Math.max(script.floor, Math.floor(script.percent / 100)));
      if (script.percent < 100 && script.floor === 0) t.true(call.attempts.sent <= 1, 'no budget, no repetition');
      t.is(call.budget.resending, 0, 'each place was given back');
      t.is(call.sentUnsafe, 0);
    }),
    { numRuns: 2000 },
  );
});

test('a client that goes away while its call waits for the budget ends the loop', async (t) => {
  const call = new ScriptedCall({
    at: 'replica',
    results: [{ is: 'failed', delivery: 'not_sent', code: 'ECONNREFUSED' }],
    luck: [1],
    isSafe: true,
    learns: null,
    percent: 0,
    floor: 1,
    most: 4,
  });
  t.true(call.budget.tryAcquire(0, 1), 'another request has the only place');
  const running = runCall(call);
  await new Promise((resolve) => {
    setImmediate(resolve);
  });
  call.finish({ do: 'quiet' });
  call.budget.release();
  await running;
  t.deepEqual(call.sentTo, ['replica']);
  t.is(call.budget.resending, 0);
});
