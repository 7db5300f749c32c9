import type { Notice } from './holders.js';
import type { Echo, SessionOptions } from './session.js';

/** Where nobody asked to be told of connections that are out for too long. */
export const warn = ({ code, message, details }: Notice): void => {
  process.emitWarning(message, { type: 'ClaireWarning', code, detail: details.stack.join('\n') });
};

/** A listener whose own error is a warning: it must cost no connection, nor make a failure of what was recorded. */
export const guarded =
  <Told>(listener: (told: Told) => void) =>
  (told: Told): void => {
    try {
      listener(told);
    } catch (error) {
      process.emitWarning(error instanceof Error ? error : String(error));
    }
  };

/** Statements with a password in their text are rare, and never shown with it. */
const SECRET = /(password\s+)'(?:[^']|'')*'/gi;

export const withoutSecrets = (statement: string): string => statement.replace(SECRET, "$1'***'");

export const echoTo = (
  service: string,
  echo: (entry: Echo) => void,
  withValues: boolean,
): SessionOptions['echo'] => {
  const tell = guarded(echo);
  return (text, values, since, error) =>
    tell({
      service,
      statement: withoutSecrets(text),
      ...(withValues && values ? { values } : {}),
      milliseconds: performance.now() - since,
      ...(error === undefined
        ? {}
        : { error: (error as { code?: string }).code ?? (error as Error).message }),
    });
};
