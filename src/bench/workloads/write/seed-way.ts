import { type ChildProcessWithoutNullStreams, execFile, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { clientEnvironment } from '../../../config.js';
import type { Turn } from '../../turns.js';
import type { Undo } from '../../undo.js';

/** How the seed's services write: objects of a SQLAlchemy session, and a commit. */
export interface SeedWay {
  /** As `SQLAlchemy 2.0.30, psycopg2 2.9.9`. */
  versions: string;
  /** Writes batches of `size` objects with a commit each. */
  turn(ids: string, size: number, milliseconds: number): Promise<Turn>;
}

/**
 * The first line on standard input is the connection string, which no argument of a process may hold; each line after
 * it orders a turn. SQLAlchemy 1.4 and 2 alike.
 */
const SCRIPT = `
import json, sys, time
import psycopg2
from sqlalchemy import BigInteger, Column, Integer, Numeric, String, create_engine
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session, declarative_base

Base = declarative_base()

class Signal(Base):
    __tablename__ = "signals"
    id = Column(Integer, primary_key=True)
    signal_id = Column(String(50))
    symbol = Column(String(20))
    side = Column(String(10))
    price = Column(Numeric(20, 8))
    confidence = Column(Numeric)
    timestamp = Column(BigInteger)
    # "metadata" is a name that SQLAlchemy keeps for itself.
    details = Column("metadata", JSONB(none_as_null=True))

url = json.loads(sys.stdin.readline())
engine = create_engine(
    "postgresql+psycopg2://",
    creator=lambda: psycopg2.connect(url, options="-csearch_path=main", application_name="claire bench"),
)

def signal(ids, n):
    return Signal(
        signal_id=ids + str(n), symbol="SYM%02dUSDT" % (n % 50), side="BUY" if n % 3 else "SELL",
        price="%d.%02d" % (100 + n * 7919 % 900, n % 100), confidence="0.%02d" % (n % 100),
        timestamp=1767225600000 + n,
        details={"strategy": "momentum", "window": n % 60} if n % 10 == 0 else None)

with Session(engine) as session:
    for line in sys.stdin:
        order = json.loads(line)
        rows, begun = 0, time.perf_counter()
        while time.perf_counter() - begun < order["seconds"]:
            session.add_all([signal(order["ids"], rows + n) for n in range(order["size"])])
            session.commit()
            rows += order["size"]
        took = (time.perf_counter() - begun) * 1000
        print(json.dumps({"rows": rows, "took": took}), flush=True)
`;

const VERSIONS =
  'import sqlalchemy, psycopg2; print("SQLAlchemy", sqlalchemy.__version__ + ", psycopg2", psycopg2.__version__.split()[0])';

/** Undefined where no Python here has both libraries. */
export async function openSeedWay(databaseUrl: string, undo: Undo): Promise<SeedWay | undefined> {
  // The distribution's own Python has the distribution's libraries, whatever stands before it in the path.
  for (const python of ['/usr/bin/python3', 'python3']) {
    const found = await promisify(execFile)(python, ['-c', VERSIONS]).catch(() => undefined);
    if (found) return start(python, found.stdout.trim(), databaseUrl, undo);
  }
  return undefined;
}

function start(python: string, versions: string, databaseUrl: string, undo: Undo): SeedWay {
  const child = spawn(python, ['-c', SCRIPT], { env: clientEnvironment() });
  undo.add(async () => void child.kill());
  const answers = answersOf(child);
  const send = (line: unknown) => void child.stdin.write(`${JSON.stringify(line)}\n`);
  send(databaseUrl);
  return {
    versions,
    async turn(ids, size, milliseconds) {
      send({ ids, size, seconds: milliseconds / 1000 });
      const { value, done } = await answers.next();
      if (done) throw new Error('Python has ended.');
      return JSON.parse(value) as Turn;
    },
  };
}

async function* answersOf(child: ChildProcessWithoutNullStreams): AsyncGenerator<string> {
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = `${said}${text}`.slice(-2000);
  });
  // What it dies of is on its standard error; that the pipe is closed then is no news.
  child.stdin.on('error', () => {});
  yield* createInterface({ input: child.stdout });
  throw new Error(`Python ended: ${said}`);
}
