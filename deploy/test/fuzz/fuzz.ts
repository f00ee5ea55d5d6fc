import { mutate, randomFrom } from './mutate.ts';
import type { FuzzTarget } from './fuzz-target.ts';

export interface FuzzReport {
  target: string;
  executions: number;
  failure: { input: Buffer; cut: number; description: string } | null;
}

/** Longest pool of inputs that mutations start from. */
const MAX_POOL = 2000;

/** Runs `executions` mutations of `corpus`; stops at the first failure. Mutants now and then become parents, so inputs drift away from the corpus. */
export function fuzz(
  name: string,
  target: FuzzTarget,
  corpus: readonly Buffer[],
  executions: number,
  seed: number,
): FuzzReport {
  const random = randomFrom(seed),
    pool = [...corpus];
  if (pool.length === 0) pool.push(Buffer.alloc(0));
  for (let done = 0; done < executions; done++) {
    const input = done < corpus.length ? corpus[done]! : mutate(pool[Math.floor(random() * pool.length)]!, random);
    const cut = Math.floor(random() * (input.length + 1));
    try {
      target(input, cut);
    } catch (error) {
      return { target: name, executions: done + 1, failure: { input, cut, description: String(error) } };
    }
    if (random() < 0.01) {
      if (pool.length < MAX_POOL) pool.push(input);
      else pool[corpus.length + Math.floor(random() * (MAX_POOL - corpus.length))] = input;
    }
  }
  return { target: name, executions, failure: null };
}
