import type { Caller } from './api.js';
import { route } from './route.js';
import { store, useStore } from './store.js';

/** Kept as long as the tab, and nowhere else: never in an address, never on the disk. */
const KEY = 'claire.token';

export const token = store<string | undefined>(sessionStorage.getItem(KEY) ?? undefined);

export function keepToken(text: string | undefined): void {
  if (text === undefined) sessionStorage.removeItem(KEY);
  else sessionStorage.setItem(KEY, text);
  token.set(text);
}

export function useCaller(): Caller {
  return { book: useStore(route).query.book, token: useStore(token) };
}

export type Theme = 'light' | 'dark';
/** `theme.js` reads the same before the first paint. */
const THEME = 'claire.theme';

const system = matchMedia('(prefers-color-scheme: dark)');
const themeNow = (): Theme =>
  (document.documentElement.dataset.theme as Theme | undefined) ?? (system.matches ? 'dark' : 'light');
export const theme = store<Theme>(themeNow());
system.addEventListener('change', () => theme.set(themeNow()));

export function keepTheme(chosen: Theme): void {
  localStorage.setItem(THEME, chosen);
  document.documentElement.dataset.theme = chosen;
  theme.set(chosen);
}
