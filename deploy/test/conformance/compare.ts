import { countByKey } from './check.ts';
import type { Check } from './check.ts';

export interface Difference {
  check: string;
  direct: number;
  mesh: number;
  why: string | null;
}

/** Checks that passed a different number of times through the mesh than directly, with what the mesh's run said of them. */
export function compare(direct: readonly Check[], mesh: readonly Check[]): Difference[] {
  const before = countByKey(direct, 'SUCCESS'),
    after = countByKey(mesh, 'SUCCESS');
  const keys = [...new Set([...before.keys(), ...after.keys()])].sort();
  return keys.flatMap((check) => {
    const [wanted, got] = [before.get(check) ?? 0, after.get(check) ?? 0];
    if (wanted === got) return [];
    const said =
      mesh.find((one) => `${one.scenario}/${one.id}` === check && one.status !== 'SUCCESS') ??
      // A scenario that broke down has other checks in place of the missing ones.
      mesh.find((one) => one.status === 'FAILURE' && check.startsWith(`${one.scenario}/`));
    return [{ check, direct: wanted, mesh: got, why: said?.error ?? said?.status ?? null }];
  });
}
