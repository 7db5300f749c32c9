import { useEffect, useState } from 'preact/hooks';
import { get, type Value } from './api.js';
import { useBooks } from './books.js';
import { type Connection, live } from './live.js';
import { type Loaded, useLoad } from './load.js';
import type { Me } from './record.js';
import { go, linkTo, route, VIEWS, type View } from './route.js';
import { keepTheme, keepToken, theme, useCaller } from './session.js';
import { useNow, useStore } from './store.js';
import { span, stamp } from './time.js';
import { Dialog, TokenField } from './ui/dialog.js';
import { Machine } from './views/machine.js';
import { Now } from './views/now.js';
import { Risk } from './views/risk.js';
import { Trades } from './views/trades.js';
import { Why } from './views/why.js';

const TITLES: Record<View, string> = {
  now: 'Now',
  trades: 'Trades',
  why: 'Why',
  risk: 'Risk',
  machine: 'Machine',
};

export function App() {
  const caller = useCaller();
  const { view } = useStore(route);
  useEffect(() => live.connect(caller), [caller.book, caller.token]);
  useEffect(() => {
    document.title = `${TITLES[view]} – Claire`;
  }, [view]);
  const me = useLoad('me', (as) => get<Value<Me>>(as, '/v1/me'));
  return (
    <>
      <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>
        Skip to the content
      </button>
      <header class="top">
        <span class="brand">Claire</span>
        <Tabs view={view} />
        <span class="space" />
        <Books />
        <ConnectionState />
        <Who me={me} />
        <ThemeSwitch />
      </header>
      <HeldBack />
      <main id="main" tabIndex={-1}>
        <h1 class="unseen">{TITLES[view]}</h1>
        <div id="view" role="tabpanel" aria-labelledby={`tab-${view}`}>
          {view === 'now' && <Now me={me.data?.value} />}
          {view === 'trades' && <Trades />}
          {view === 'why' && <Why />}
          {view === 'risk' && <Risk />}
          {view === 'machine' && <Machine />}
        </div>
      </main>
    </>
  );
}

/** Arrow keys move between the views, as in tabs everywhere. */
function Tabs({ view }: { view: View }) {
  function onKeyDown(event: KeyboardEvent): void {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const edge = { Home: 0, End: VIEWS.length - 1 }[event.key];
    if (step === undefined && edge === undefined) return;
    event.preventDefault();
    const to = VIEWS[edge ?? (VIEWS.indexOf(view) + step! + VIEWS.length) % VIEWS.length]!;
    go(to);
    document.getElementById(`tab-${to}`)?.focus();
  }
  return (
    <nav aria-label="Views">
      <div role="tablist" onKeyDown={onKeyDown}>
        {VIEWS.map((name) => (
          <a
            key={name}
            id={`tab-${name}`}
            role="tab"
            href={linkTo(name)}
            aria-selected={name === view}
            aria-controls="view"
            tabIndex={name === view ? 0 : -1}
          >
            {TITLES[name]}
          </a>
        ))}
      </div>
    </nav>
  );
}

function Books() {
  const caller = useCaller();
  const { view } = useStore(route);
  const books = useBooks();
  const names = (books.data?.rows ?? []).map(({ book }) => book);
  const isOf = books.data?.rows.find(({ current }) => current)?.book;
  const shown = caller.book ?? isOf ?? names[0] ?? '';
  return (
    <label class="books">
      <span class="name">Book</span>
      <select
        aria-label="Book"
        value={shown}
        onChange={({ currentTarget }) => go(view, { book: currentTarget.value })}
      >
        {[...new Set([...names, shown])].map((name) => (
          <option key={name} value={name}>
            {name || '…'}
          </option>
        ))}
      </select>
    </label>
  );
}

const CONNECTION: Record<Connection['state'], [seen: string, told: string]> = {
  connecting: ['connecting', 'Connecting'],
  live: ['live', 'Connected'],
  held: ['held back since', 'What is shown is held back'],
  lost: ['reconnecting since', 'The connection is lost'],
};

function ConnectionState() {
  const connection = useStore(live.connection);
  const now = useNow();
  const { state } = connection;
  const [seen, told] = CONNECTION[state];
  return (
    <span class={`connection ${state}`} title={connection.state === 'lost' ? connection.why : undefined}>
      <i aria-hidden="true" />
      {/* Told once when it changes, and not every second. */}
      <span class="unseen" role="status">
        {told}
      </span>
      <span aria-hidden="true">
        {'since_ms' in connection ? `${seen} ${span(now - connection.since_ms)}` : seen}
      </span>
    </span>
  );
}

/** The stream stands and brings nothing: what is shown may be old, and why. */
function HeldBack() {
  const connection = useStore(live.connection);
  if (connection.state !== 'held') return null;
  const { by, since_ms } = connection;
  return (
    <p class="held" role="status">
      {by === 'transaction' ? (
        <>
          Another transaction is open since {stamp(since_ms).slice(0, 19)} UTC; what was committed after it
          follows when it ends. <code>claire doctor</code> names it.
        </>
      ) : (
        <>
          The server cannot read its log since {stamp(since_ms).slice(0, 19)} UTC; what was committed since
          follows when it can. Look into the log of <code>claire up</code>.
        </>
      )}
    </p>
  );
}

function Who({ me: { data, error } }: { me: Loaded<Value<Me>> }) {
  const me = data?.value;
  const caller = useCaller();
  const [isAsking, ask] = useState(false);
  const name = me?.token ? me.name : me?.may_write ? 'writing open' : 'reading only';
  const unknown = error ? (error.problem.status === 401 ? 'not signed in' : 'not known') : '…';
  return (
    <span class="who">
      <span class="name" title={me && `Role ${me.role}`}>
        {me ? name : unknown}
      </span>
      {caller.token === undefined ? (
        <button type="button" class="small" onClick={() => ask(true)}>
          Sign in
        </button>
      ) : (
        <button type="button" class="small" onClick={() => keepToken(undefined)}>
          Sign out
        </button>
      )}
      {isAsking && (
        <Dialog
          title="Sign in"
          verb="Sign in"
          onClose={() => ask(false)}
          onSubmit={async (form) => {
            const token = String(form.get('token')).trim();
            await get({ ...caller, token }, '/v1/me');
            keepToken(token);
          }}
        >
          <TokenField />
        </Dialog>
      )}
    </span>
  );
}

function ThemeSwitch() {
  const shade = useStore(theme);
  const other = shade === 'dark' ? 'light' : 'dark';
  return (
    <button
      type="button"
      class="small icon"
      aria-label={`Use ${other} colours`}
      onClick={() => keepTheme(other)}
    >
      {shade === 'dark' ? '☀' : '☾'}
    </button>
  );
}
