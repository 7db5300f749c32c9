import { store } from './store.js';

export const VIEWS = ['now', 'trades', 'why', 'risk', 'machine'] as const;
export type View = (typeof VIEWS)[number];

/** What the address says: `#/why?book=demo&id=sig_001`, so that it can be sent to somebody. Never a token. */
export interface Route {
  view: View;
  query: Readonly<Record<string, string | undefined>>;
}

function read(): Route {
  const [, path = '', query = ''] = /^#\/([^?]*)\??(.*)$/.exec(location.hash) ?? [];
  const view = VIEWS.find((name) => name === path) ?? 'now';
  return { view, query: Object.fromEntries(new URLSearchParams(query)) };
}

export const route = store<Route>(read());
addEventListener('hashchange', () => route.set(read()));

/** The book goes along from view to view; the rest of the query belongs to one. */
export function linkTo(view: View, query: Route['query'] = {}): string {
  const given = Object.entries({ book: route.get().query.book, ...query }).filter(([, value]) => value);
  const text = new URLSearchParams(given as [string, string][]).toString();
  return `#/${view}${text && `?${text}`}`;
}

export function go(view: View, query: Route['query'] = {}): void {
  location.hash = linkTo(view, query);
  // The browser tells of it later; whoever presses a key again already is there.
  route.set(read());
}

/** Without a step in the browser's history: a filter that is being typed is none. */
export function refine(query: Route['query']): void {
  const now = route.get();
  history.replaceState(null, '', linkTo(now.view, { ...now.query, ...query }));
  route.set(read());
}
