import { EXIT } from '../../errors/index.js';
import { defineCommand } from '../command.js';
import { counted } from '../print.js';
import { withBook } from '../session.js';

export const verify = defineCommand({
  usage: 'verify',
  summary: 'Holds the record against its laws, and exits 1 if one is broken.',
  details: 'Every law is a query that must find no row; all of them look at the same moment.',
  examples: [
    ['verify', 'each law as a sentence, with the number of rows that break it'],
    ['verify --book paper --json', 'the same of another book, for a program'],
  ],
  async run(invocation) {
    const laws = await withBook(invocation, 'claire_reader', (claire) => claire.verify());
    const broken = laws.filter((law) => law.broken > 0);
    invocation.out.answer({ holds: broken.length === 0, laws }, () => {
      const width = Math.max(...laws.map((law) => String(law.broken).length));
      const lines = laws.flatMap(({ law, broken, examples }) => [
        `${broken > 0 ? 'broken' : 'holds '}  ${String(broken).padStart(width)}  ${law}`,
        ...examples.map((row) => `        ${JSON.stringify(row)}`),
      ]);
      const end =
        broken.length > 0
          ? `${counted(broken.length, 'law is', 'laws are')} broken. Mend the rows with \`claire correct\`.`
          : `All ${laws.length} laws hold.`;
      return [...lines, end].join('\n');
    });
    return broken.length > 0 ? EXIT.broken : EXIT.ok;
  },
});
