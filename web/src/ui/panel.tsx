import type { ComponentChildren } from 'preact';
import type { ApiError } from '../api.js';
import type { Loaded } from '../load.js';
import { Age } from './values.js';

interface PanelProps {
  title: string;
  /** What its numbers are in. */
  unit?: string | undefined;
  /** Room that it takes before it knows anything, so that nothing moves when it does. */
  tall?: 'low' | 'middle' | 'high';
  class?: string;
  /** When what it shows was read. */
  at_ms?: number | undefined;
  /** It is kept true by the stream: its age is that of the connection. */
  isLive?: boolean;
  actions?: ComponentChildren;
  children: ComponentChildren;
}

export function Panel(props: PanelProps) {
  const { title, unit, tall = 'low', at_ms, isLive, actions, children } = props;
  const id = `panel-${title.toLowerCase().replace(/\W+/g, '-')}`;
  return (
    <section class={`panel ${tall} ${props.class ?? ''}`} aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        {unit && <span class="unit">{unit}</span>}
        <span class="space" />
        {actions}
        {isLive ? <span class="age">live</span> : at_ms !== undefined && <Age at_ms={at_ms} what="read" />}
      </header>
      <div class="body">{children}</div>
    </section>
  );
}

/** What a panel shows while it knows nothing, when it failed, and when it knows. */
export function Answer<Of>({ of, children }: { of: Loaded<Of>; children: (data: Of) => ComponentChildren }) {
  const { data, error, again } = of;
  return (
    <>
      {error && <Failure error={error} again={again} isOld={data !== undefined} />}
      {data !== undefined ? children(data) : !error && <Skeleton />}
    </>
  );
}

export function Failure({ error, again, isOld }: { error: ApiError; again?: () => void; isOld?: boolean }) {
  const { detail, remedy, code } = error.problem;
  return (
    <div class="failure" role="alert">
      <p>
        <strong>{detail}</strong> {remedy}
        {isOld && ' What is shown below is the last answer.'}
      </p>
      <p class="foot">
        <code>{code}</code>
        {again && (
          <button type="button" class="small" onClick={again}>
            Ask again
          </button>
        )}
      </p>
    </div>
  );
}

export const Skeleton = () => (
  <div class="skeleton" role="status">
    <span class="unseen">Loading</span>
    <i />
    <i />
    <i />
  </div>
);

/** Nothing to show: what to do next, with the command to paste. */
export function Empty({ children, command }: { children: ComponentChildren; command?: string }) {
  return (
    <div class="empty">
      <p>{children}</p>
      {command && <Command text={command} />}
    </div>
  );
}

export function Command({ text }: { text: string }) {
  return (
    <p class="command">
      <code>{text}</code>
      <button
        type="button"
        class="small"
        aria-label={`Copy ${text}`}
        onClick={({ currentTarget }) => {
          void navigator.clipboard?.writeText(text).then(() => {
            currentTarget.textContent = 'Copied';
          });
        }}
      >
        Copy
      </button>
    </p>
  );
}
