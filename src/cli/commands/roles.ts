import { join } from 'node:path';
import { type EmbeddedServer, newPassword } from '../../database/embedded/index.js';
import { LOGIN_ROLES, type LoginRole, roleName } from '../../database/index.js';
import { ClaireError } from '../../errors/index.js';
import {
  applyRoles,
  beginRotation,
  endRotation,
  protectionMissing,
  purposeOf,
  type RolesState,
  type Rotation,
  rolesOf,
  rotationOf,
} from '../../schema/index.js';
import { type AddCommand, defineCommand, type Invocation, option } from '../command.js';
import { type Credentials, credentialsOf } from '../credentials.js';
import { durationGiven } from '../moments.js';
import { differencesOf, rolesText, stringsText } from '../roles-text.js';
import { finishRotations } from '../rotations.js';
import { connectTo, type Place, withPlace } from '../session.js';

const PASSFILE = option(
  '--passfile <file>',
  'password file for a named server (default: roles.pgpass in the data directory)',
);
const SECRETS = option('--show-secrets', 'print connection strings with their passwords');

const DETAILS =
  'Of a server that was named with --database-url the login must be a superuser, or own the book and have CREATEROLE.\n' +
  'Passwords stay in the password file that the connection strings name (embedded: pgpass in the data directory).';

const apply = defineCommand({
  usage: 'apply',
  summary:
    'Makes the roles of the book, or repairs them: logins, limits, and exactly the rights that each one needs.',
  details: `${DETAILS} A role that is new gets a password;\none that is there keeps its own.`,
  options: [PASSFILE, SECRETS],
  examples: [
    ['roles apply --book paper', 'a role for each service, for this book'],
    [
      'roles apply --database-url postgresql://admin@db.example/trading --passfile /etc/claire/pgpass',
      'on your server',
    ],
  ],
  run: (invocation) =>
    withCredentials(invocation, async (place, credentials) => {
      const { book } = place;
      const state = await credentials.change(async (keep) => {
        const known = await credentials.passwords();
        const before = await rolesOf(place.database('postgres'), book);
        const passwords = passwordsFor(before, known, place.server);
        const named = byName(passwords, book);
        // Before the roles are made: one whose password nobody knows would be of no use.
        await keep(named);
        try {
          return await applyRoles(place.database('postgres'), book, { passwords });
        } catch (error) {
          await keep(Object.fromEntries(Object.keys(named).map((name) => [name, known[name]])));
          throw error;
        }
      });
      await finishRotations(place.database('postgres'), credentials, book);
      const protection = await protectionMissing(place.database('postgres'), book);
      const connections = await stringsOf(invocation, credentials, book);
      const { passfile } = credentials;
      const lacking = await withoutPassword(credentials, book);
      invocation.out.answer(
        { book, owner: state.owner, created: state.created, passfile, lacking, connections, protection },
        () => {
          const made =
            state.created.length === 0 ? 'No role was missing.' : `Made: ${state.created.join(', ')}.`;
          return [
            `${made} Passwords are in ${passfile}.`,
            `Connect to book ${book} as:\n${stringsText(connections)}`,
            ...(lacking.length > 0
              ? [
                  `The file holds no password of ${lacking.join(', ')}: put the one that is known into it, or see \`claire roles rotate\`.`,
                ]
              : []),
            ...protection,
          ].join('\n\n');
        },
      );
    }),
});

/** On our own server the file is what counts; elsewhere a role that is there keeps its password, which others may know. */
function passwordsFor(
  { roles }: RolesState,
  known: Readonly<Record<string, string>>,
  server: EmbeddedServer | undefined,
): Partial<Record<LoginRole, string>> {
  const wanted = roles.filter(({ role, exists }) => isLogin(role) && (server || !exists));
  return Object.fromEntries(wanted.map(({ role, name }) => [role, known[name] ?? newPassword()]));
}

/** Roles that were there before, or whose file was lost: the strings that name the file would not let them in. */
async function withoutPassword(credentials: Credentials, book: string): Promise<string[]> {
  const known = await credentials.passwords();
  return LOGIN_ROLES.map((role) => roleName(role, book)).filter((name) => known[name] === undefined);
}

const byName = (passwords: Partial<Record<LoginRole, string>>, book: string): Record<string, string> =>
  Object.fromEntries(
    Object.entries(passwords).map(([role, password]) => [roleName(role as LoginRole, book), password]),
  );

const show = defineCommand({
  usage: 'show',
  summary:
    'The roles of the book: what they may do, how they differ from that, and what protection is missing.',
  details: 'What each role may do to which table and function is in docs/reference/roles.md.',
  options: [PASSFILE, SECRETS],
  examples: [
    ['roles show', 'of the book main'],
    ['roles show --json', 'for a program; without a secret unless --show-secrets is said'],
  ],
  run: (invocation) =>
    withCredentials(invocation, async (place, credentials) => {
      const { book } = place;
      const database = place.database('postgres');
      const [state, protection] = [await rolesOf(database, book), await protectionMissing(database, book)];
      const connections = await stringsOf(invocation, credentials, book);
      const roles = await Promise.all(
        state.roles.map(async (each) => ({
          ...each,
          may: purposeOf(each.role),
          differences: differencesOf(each),
          rotation: each.exists && isLogin(each.role) ? await rotationOf(database, book, each.role) : null,
          connection: isLogin(each.role) && each.exists ? connections[each.role] : null,
        })),
      );
      const under = roles.flatMap(({ rotation }) => (rotation?.ending ? [rotation] : []));
      invocation.out.answer({ ...state, roles, protection }, () =>
        [
          rolesText(state, protection),
          ...under.map((rotation) => endingText(rotation, book)),
          ...(invocation.options.showSecrets ? [stringsText(connections)] : []),
        ].join('\n\n'),
      );
    }),
});

const rotate = defineCommand({
  usage: 'rotate <service>',
  summary: 'Gives a role a new password; the old one stays valid for a while beside it.',
  details:
    'PostgreSQL keeps one password a role, so the new one is of a second login with the same rights: signal_engine_2, and the\n' +
    'next time signal_engine again. Give the printed connection string to clients that hold a password; the old one is\n' +
    'refused after --keep, or when --finish is said. Who connects by the password file of this command need not be\n' +
    'changed: --finish puts a new password of the old login into it.',
  options: [
    option('--keep <duration>', 'how long the old password stays valid: 30m, 24h, 7d').default('24h'),
    option('--finish', 'the old password ends now'),
    PASSFILE,
    SECRETS,
  ],
  examples: [
    ['roles rotate signal_engine', 'a new password; the old one is good for a day'],
    ['roles rotate signal_engine --finish', 'every client has the new one'],
  ],
  run: (invocation) =>
    withCredentials(invocation, async (place, credentials) => {
      const { args, options, globals, out } = invocation;
      const role = args[0]!;
      if (!isLogin(role)) {
        throw new ClaireError('usage_invalid', {
          found: `Roles that log in: ${LOGIN_ROLES.join(', ')}; not ${role}.`,
        });
      }
      const keep_ms = durationGiven(String(options.keep));
      if (!keep_ms) {
        throw new ClaireError('usage_invalid', {
          found: '--keep takes a duration of more than nothing: 30m, 24h, 7d.',
        });
      }
      const admin = place.database('postgres');
      const rotation = await credentials.change((keep) => {
        const change = { password: newPassword(), keep };
        return options.finish
          ? endRotation(admin, globals.book, role, change)
          : beginRotation(admin, globals.book, role, { ...change, keep_ms });
      });
      const { name } = rotation.current;
      const known = (await credentials.passwords())[name];
      const connection = credentials.url(name, options.showSecrets ? known : undefined);
      out.answer({ book: globals.book, ...rotation, passfile: credentials.passfile, connection }, () =>
        rotation.ending
          ? `The new password is in ${credentials.passfile}:\n${name}  ${connection}\n\n${endingText(rotation, globals.book)}`
          : `The old password is refused from now on; ${name} has the one that is valid.`,
      );
    }),
});

function endingText({ role, ending, current }: Rotation, book: string): string {
  const { name, until, is_over } = ending!;
  const stands = is_over ? `has been refused since ${until}` : `is valid until ${until}`;
  const where = book === 'main' ? '' : ` --book ${book}`;
  const finish = `\`claire roles rotate ${role}${where} --finish\``;
  return `The old password of ${role}, of the login ${name}, ${stands}; the new one is of ${current.name}. End it with ${finish}.`;
}

const isLogin = (role: string): role is LoginRole => LOGIN_ROLES.some((login) => login === role);

async function withCredentials(
  invocation: Invocation,
  work: (place: Place, credentials: Credentials) => Promise<void>,
): Promise<undefined> {
  const { options, globals } = invocation;
  const passfile = (options.passfile as string | undefined) ?? join(globals.data, 'roles.pgpass');
  await withPlace(invocation, async (place) => {
    if (place.server && options.passfile !== undefined) {
      throw new ClaireError('usage_invalid', {
        found: `The embedded server has its password file: ${place.server.passfile}.`,
      });
    }
    // As every command on the embedded server does: main is made, and a book from before roles gets them.
    if (place.server) await connectTo(place, place.book, 'claire_reader').then((claire) => claire.close());
    await work(place, credentialsOf(place, passfile));
  });
}

async function stringsOf(
  { options }: Invocation,
  credentials: Credentials,
  book: string,
): Promise<Partial<Record<LoginRole, string>>> {
  const known = options.showSecrets ? await credentials.passwords() : {};
  return Object.fromEntries(
    LOGIN_ROLES.map((role) => {
      const name = roleName(role, book);
      return [role, credentials.url(name, known[name])];
    }),
  );
}

export const roles: AddCommand = (parent, runtime) => {
  const group = parent.command('roles').summary('Makes, shows and renews the roles that services log in as.');
  group.description(
    'Makes, shows and renews the roles that services log in as. Each book has its own, so that a service of one book has\n' +
      'nothing in another.',
  );
  for (const add of [apply, show, rotate]) add(group, runtime);
};
