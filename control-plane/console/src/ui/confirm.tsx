import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { nameOperator, operator, post } from '../live/api.ts';

/** What an operator is about to do, told in plain words before it is done. */
export interface Action {
  title: string;
  /** What happens, one sentence each. */
  effects: readonly string[];
  /** How it is taken back. */
  undo: string;
  button: string;
  isGrave?: boolean;
  path: string;
  body: unknown;
}

const asked = signal<Action | null>(null);
/** What became of the last action, for everybody to see and hear. */
const told = signal<{ text: string; isBad: boolean } | null>(null);
const isBusy = signal(false);
const problem = signal<string | null>(null);

export function ask(action: Action): void {
  problem.value = null;
  asked.value = action;
}

async function carryOut(action: Action): Promise<void> {
  isBusy.value = true;
  problem.value = null;
  try {
    await post(action.path, action.body);
    asked.value = null;
    told.value = { text: `Done: ${action.title}. See the events.`, isBad: false };
  } catch (error) {
    problem.value = `Not done: ${(error as Error).message}`;
  } finally {
    isBusy.value = false;
  }
}

export function ConfirmDialog() {
  const dialog = useRef<HTMLDialogElement>(null);
  const action = asked.value;
  useEffect(() => {
    if (action && !dialog.current?.open) dialog.current?.showModal();
    if (!action) dialog.current?.close();
  }, [action]);
  return (
    <dialog
      ref={dialog}
      class="confirm"
      aria-labelledby="confirm-title"
      onClose={() => {
        asked.value = null;
      }}
    >
      {action && (
        <form
          onSubmit={(event) => {
            event.preventDefault();
            carryOut(action).catch(() => undefined);
          }}
        >
          <h2 id="confirm-title">{action.title}?</h2>
          <h3>What happens</h3>
          <ul>
            {action.effects.map((effect) => (
              <li key={effect}>{effect}</li>
            ))}
          </ul>
          <p class="undo">
            <strong>To undo it:</strong> {action.undo}
          </p>
          <label class="by">
            Your name, for the event log
            <input
              name="by"
              maxLength={60}
              autoComplete="name"
              value={operator.value}
              onInput={(event) => nameOperator(event.currentTarget.value)}
            />
          </label>
          {problem.value && (
            <p class="problem" role="alert">
              {problem.value}
            </p>
          )}
          <p class="buttons">
            <button type="button" onClick={() => dialog.current?.close()}>
              Cancel
            </button>
            <button type="submit" class={action.isGrave ? 'grave' : 'primary'} disabled={isBusy.value}>
              {action.button}
            </button>
          </p>
        </form>
      )}
    </dialog>
  );
}

/** Says what became of an action. */
export function Told() {
  const text = told.value;
  useEffect(() => {
    if (!text) return;
    const timer = setTimeout(() => {
      told.value = null;
    }, 8000);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <div class="told" role="status">
      {text && <p class={text.isBad ? 'bad' : 'good'}>{text.text}</p>}
    </div>
  );
}
