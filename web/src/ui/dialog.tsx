import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError } from '../api.js';
import { Failure } from './panel.js';

/** A question that must be answered or left. The browser keeps the keyboard inside, and gives it back at the end. */
export function Dialog({
  title,
  verb,
  isGrave,
  onSubmit,
  onClose,
  children,
}: {
  title: string;
  verb: string;
  isGrave?: boolean;
  /** What it resolves to is to be read before the dialog is left. */
  onSubmit: (form: FormData) => Promise<ComponentChildren>;
  onClose: () => void;
  children: ComponentChildren;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [isBusy, setBusy] = useState(false);
  const [error, setError] = useState<ApiError>();
  const [left, setLeft] = useState<ComponentChildren>();
  useEffect(() => dialog.current?.showModal(), []);

  async function submit(event: SubmitEvent & { currentTarget: HTMLFormElement }): Promise<void> {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      const toRead = await onSubmit(new FormData(event.currentTarget));
      if (toRead) setLeft(toRead);
      else dialog.current?.close();
    } catch (thrown) {
      if (!(thrown instanceof ApiError)) throw thrown;
      setError(thrown);
    } finally {
      setBusy(false);
    }
  }

  return (
    <dialog ref={dialog} onClose={onClose} aria-labelledby="dialog-title">
      <form onSubmit={(event) => void submit(event)}>
        <h2 id="dialog-title">{title}</h2>
        {left ? <div role="alert">{left}</div> : children}
        {error && <Failure error={error} />}
        <div class="buttons">
          <button type="button" onClick={() => dialog.current?.close()}>
            {left ? 'Close' : 'Leave'}
          </button>
          {!left && (
            <button type="submit" class={isGrave ? 'grave' : 'main'} disabled={isBusy}>
              {isBusy ? 'Sending …' : verb}
            </button>
          )}
        </div>
      </form>
    </dialog>
  );
}

export function TokenField() {
  return (
    <label>
      Token
      <input name="token" type="password" autoComplete="off" placeholder="claire_…" required />
      <span class="hint">
        Made by <code>claire tokens create NAME --role claire_operator</code>. It is kept in this tab until it
        closes.
      </span>
    </label>
  );
}
