let due: (() => void)[] = [];

/**
 * Runs `work` at the end of this turn of the event loop, after all that is read in it, and in order. Writes that go out together wake their
 * readers together, and a reader that finds ten answers at once pays for one look. `work` contains what it throws; should it throw all the same, the
 * others' work goes on in the next turn.
 */
export function atTurnEnd(work: () => void): void {
  if (due.push(work) === 1) setImmediate(runDue);
}

function runDue(): void {
  const now = due;
  due = [];
  let begun = 0;
  try {
    for (const work of now) {
      begun++;
      work();
    }
  } finally {
    if (begun < now.length) {
      due = [...now.slice(begun), ...due];
      setImmediate(runDue);
    }
  }
}
