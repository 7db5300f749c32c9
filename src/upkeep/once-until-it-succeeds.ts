import { ClaireError } from '../errors/index.js';

/** Tells of an error of some work once, and again only after the same work has succeeded in between. */
export function onceUntilItSucceeds(onError: (error: unknown) => void) {
  const told = new Set<string>();
  return {
    failed(what: string, error: unknown) {
      const kind = `${what} ${error instanceof ClaireError ? error.code : String(error)}`;
      if (told.has(kind)) return;
      told.add(kind);
      onError(error);
    },
    succeeded(what: string) {
      for (const kind of told) if (kind.startsWith(`${what} `)) told.delete(kind);
    },
  };
}
