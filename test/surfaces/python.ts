import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { afterwards } from './embedded-ground.js';

const PYTHON = '/usr/bin/python3';

export const hasSqlAlchemy = spawnSync(PYTHON, ['-c', 'import sqlalchemy, psycopg2']).status === 0;

/** A new connection for each question, as a pool makes one where the old one is gone. */
const CLIENT = `
import sys, sqlalchemy
engine = sqlalchemy.create_engine(sys.stdin.readline().strip(), pool_pre_ping=True)
for _ in sys.stdin:
    engine.dispose()
    try:
        with engine.connect() as connection:
            print(connection.execute(sqlalchemy.text('select session_user')).scalar(), flush=True)
    except Exception as error:
        print(type(error).__name__, ' '.join(str(error).split()), flush=True)
`;

/** A Python service with a pool that keeps its connection string as long as it runs. */
export function pooledClient(url: string): { ask(): Promise<string> } {
  const child = spawn(PYTHON, ['-c', CLIENT], { stdio: ['pipe', 'pipe', 'inherit'] });
  afterwards(() => child.kill('SIGKILL'));
  child.stdin.write(`${url}\n`);
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async ask() {
      child.stdin.write('\n');
      return (await answers.next()).value as string;
    },
  };
}
