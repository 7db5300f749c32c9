/** Logins of the embedded server: the superuser first, then the owner of the record, the services, the operator. */
export const LOGINS = [
  'postgres',
  'claire',
  'signal_engine',
  'risk_manager',
  'execution_service',
  'claire_operator',
] as const;

export type Login = (typeof LOGINS)[number];

/** A clear password a login. */
export type Passwords = Readonly<Record<Login, string>>;

export const DATABASE = 'claire_de_binare';

/** TCP only: a socket path over 107 bytes is fatal for PostgreSQL, and data directories have any length. */
export const HOST = '127.0.0.1';
