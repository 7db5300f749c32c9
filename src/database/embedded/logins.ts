import { LOGIN_ROLES } from '../role-names.js';

/** Of the embedded server; it is ours alone. */
export const SUPERUSER = 'postgres';

/** Logins of a book on the embedded server, and its superuser. */
export const LOGINS = [SUPERUSER, ...LOGIN_ROLES] as const;

export type Login = (typeof LOGINS)[number];

/** A clear password by the name of its role: those of `main` and of the superuser, and of each book that has been used. */
export type Passwords = Readonly<Record<string, string>> & { readonly postgres: string };

export const DATABASE = 'claire_de_binare';

/** TCP only: a socket path over 107 bytes is fatal for PostgreSQL, and data directories have any length. */
export const HOST = '127.0.0.1';
