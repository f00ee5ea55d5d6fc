import type { DoctorCheck } from '../admin/doctor.ts';

export interface DoctorChange {
  area: DoctorCheck['area'];
  name: string;
  /** Null: it was not there before. */
  was: DoctorCheck['verdict'] | null;
  /** `gone`: what it was about is not there any more. */
  verdict: DoctorCheck['verdict'] | 'gone';
  description: string;
  advice: string | null;
}

const keyOf = ({ area, name }: DoctorCheck): string => `${area}\n${name}`;

/** What differs from the round before, by verdict. In the first round (`before` null): all that is not good. */
export function doctorChanges(before: readonly DoctorCheck[] | null, after: readonly DoctorCheck[]): DoctorChange[] {
  const former = new Map((before ?? []).map((check) => [keyOf(check), check]));
  const changed = after.flatMap((check): DoctorChange[] => {
    const was = former.get(keyOf(check))?.verdict ?? null;
    former.delete(keyOf(check));
    const isNews = was === null ? check.verdict !== 'good' : was !== check.verdict;
    const { area, name, verdict, description, advice } = check;
    return isNews ? [{ area, name, was, verdict, description, advice }] : [];
  });
  const gone = [...former.values()]
    .filter(({ verdict }) => verdict !== 'good')
    .map(
      ({ area, name, verdict: was }): DoctorChange => ({
        ...{ area, name, was, verdict: 'gone', advice: null },
        description: 'not found any more',
      }),
    );
  return [...changed, ...gone];
}
