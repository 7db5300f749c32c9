import { EXIT } from '../errors/index.js';

const MEANINGS: Record<keyof typeof EXIT, string> = {
  ok: 'everything asked for was done',
  broken: 'a law is broken, or what was checked is not as it should be',
  input: 'the input cannot be used: an argument, a file, a value',
  unavailable: 'the database cannot be reached, started or used',
  refused: 'the database or the present state refuses what was asked',
  unexpected: 'an error that Claire does not know',
  interrupted: 'work that Ctrl-C cut off; run it again and it goes on',
};

/** The exit codes as every --help shows them. */
export const exitCodesText = (): string => {
  const lines = (Object.keys(EXIT) as (keyof typeof EXIT)[]).map(
    (name) => `  ${String(EXIT[name]).padEnd(4)} ${MEANINGS[name]}`,
  );
  return `\nExit codes:\n${lines.join('\n')}\n`;
};
