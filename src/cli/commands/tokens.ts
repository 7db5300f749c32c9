import { operations } from '../../operations/index.js';
import { parseInput } from '../../operations/operation.js';
import { TOKEN_ROLES } from '../../operations/tokens.js';
import { type AddCommand, defineCommand, option } from '../command.js';
import { withBook } from '../session.js';
import { readCommand } from './reads.js';

const create = defineCommand({
  usage: 'create <name>',
  summary: operations.createToken.summary,
  details: 'What is sent as `Authorization: Bearer …`. It is printed this once; only its hash is kept.',
  options: [
    option('--role <role>', 'role whose rights it has')
      .choices([...TOKEN_ROLES])
      .makeOptionMandatory(),
  ],
  examples: [
    ['tokens create "desk page" --role claire_operator', 'for a person who halts and resumes'],
    ['tokens create bot-1 --role signal_engine --json', 'for a service, read by a program'],
  ],
  async run(invocation) {
    const { args, options, globals, out } = invocation;
    const input = parseInput(operations.createToken.input, { name: args[0], role: options.role });
    const made = await withBook(invocation, 'claire_operator', (claire) => claire.createToken(input));
    out.answer(made, () =>
      [
        `Token ${made.token_id} (${made.name}) has the rights of ${made.role} in book ${globals.book}. It is not shown again:`,
        made.token,
      ].join('\n'),
    );
    return undefined;
  },
});

const list = readCommand(
  'tokens',
  {
    usage: 'list',
    examples: [['tokens list', 'who may call, by which rights, and when it was last used']],
    hidden: [],
    sparse: true,
  },
  'claire_operator',
);

const revoke = defineCommand({
  usage: 'revoke <token_id>',
  summary: operations.revokeToken.summary,
  examples: [['tokens revoke k7m2x9qwrt4z', 'within a second it is as one that never was']],
  async run(invocation) {
    const input = { token_id: invocation.args[0]! };
    const answer = await withBook(invocation, 'claire_operator', (claire) => claire.revokeToken(input));
    invocation.out.answer(answer, () => `Token ${answer.token_id} is revoked.`);
    return undefined;
  },
});

export const tokens: AddCommand = (parent, runtime) => {
  const group = parent
    .command('tokens')
    .summary('Tokens with which HTTP is called: makes, lists, revokes them.');
  group.description('Makes, lists and revokes tokens with which HTTP is called.');
  for (const add of [create, list, revoke]) add(group, runtime);
};
