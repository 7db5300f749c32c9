import { get, type Rows, type Value } from '../api.js';
import { type Book, useBooks } from '../books.js';
import { count, many } from '../exact.js';
import { type Loaded, together, useLoad } from '../load.js';
import type { Backup, Backups, Connections, Diagnosis, Doctor, Horizon, RetentionRun } from '../record.js';
import { useCaller } from '../session.js';
import { bytes, span } from '../time.js';
import { Bar } from '../ui/bars.js';
import { Answer, Command, Empty, Panel } from '../ui/panel.js';
import { Age, Facts, None, When, words } from '../ui/values.js';
import { Latency } from './machine-latency.js';

export function Machine() {
  const report = useLoad('doctor', (caller) => get<Value<Doctor>>(caller, '/v1/doctor'), {
    every_ms: 60_000,
  });
  return (
    <div class="split">
      <div class="stack">
        <TheDoctor report={report} />
        <Latency />
      </div>
      <div class="stack">
        <ConnectionsOf />
        <TheRecord report={report} />
        <BackupsOf />
        <Retention />
      </div>
    </div>
  );
}

type Report = Loaded<Value<Doctor>>;

const TheDoctor = ({ report }: { report: Report }) => (
  <Panel
    title="The doctor"
    unit="checks of the record and its server"
    tall="high"
    at_ms={report.data?.value.at_ms}
  >
    <Answer of={report}>{({ value }) => <Findings of={value} />}</Answer>
  </Panel>
);

/** Which checks say how old the positions are, and what the schema is. */
const OF_THE_RECORD = ['schema_released', 'positions_exact', 'positions_realtime'];

function TheRecord({ report }: { report: Report }) {
  const { book } = useCaller();
  const books = useBooks();
  const both = together({ report, books });
  const versionOf = (rows: readonly Book[] | undefined) =>
    rows?.find((one) => (book ? one.book === book : one.current))?.version;
  return (
    <Panel title="Schema and positions" tall="middle" at_ms={both.at_ms}>
      <Answer of={both}>
        {(of) => (
          <>
            <Facts of={[['Schema version', versionOf(of.books?.rows) ?? <None key="none" />]]} />
            <ul class="log">
              {of.report?.value.checks
                .filter(({ check }) => OF_THE_RECORD.includes(check))
                .map(({ check, result, sentence }) => (
                  <li key={check}>
                    <span class={`tag ${result}`}>{MARKS[result]}</span> {sentence}
                  </li>
                ))}
            </ul>
          </>
        )}
      </Answer>
    </Panel>
  );
}

/** What is not well first. */
const ORDER: readonly Diagnosis['result'][] = ['fail', 'warn', 'skipped', 'ok'];
const MARKS: Record<Diagnosis['result'], string> = {
  ok: '✓ ok',
  warn: '! warn',
  fail: '✗ fail',
  skipped: '– skipped',
};

function Findings({ of: { checks, counts, book, server_version_num } }: { of: Doctor }) {
  const sorted = [...checks].sort((a, b) => ORDER.indexOf(a.result) - ORDER.indexOf(b.result));
  return (
    <>
      <p class="sums">
        <b>{counts.fail}</b> failed, <b>{counts.warn}</b> to look at, <b>{counts.ok}</b> well,{' '}
        <b>{counts.skipped}</b> skipped; book {book} on PostgreSQL {Math.floor(server_version_num / 10_000)}.
        {server_version_num % 10_000}
      </p>
      <ul class="findings">
        {sorted.map(({ check, result, sentence, remedy, threshold }) => (
          <li key={check}>
            <span class={`tag ${result}`}>{MARKS[result]}</span>
            <div>
              <p>{sentence}</p>
              {result !== 'ok' && (
                <p class="note">
                  {words(check)}: {threshold}
                </p>
              )}
              {remedy && 'command' in remedy && <Command text={remedy.command} />}
              {remedy && 'fix' in remedy && <Command text={`claire doctor --fix ${check}`} />}
              {remedy && 'decide' in remedy && <p class="note">{remedy.decide}</p>}
            </div>
          </li>
        ))}
      </ul>
    </>
  );
}

function ConnectionsOf() {
  const report = useLoad('connections', (caller) => get<Value<Connections>>(caller, '/v1/connections'), {
    every_ms: 10_000,
  });
  return (
    <Panel title="Connections" unit="of the budget" tall="middle" at_ms={report.at_ms}>
      <Answer of={report}>
        {({ value: { budget, roles, missing } }) => (
          <>
            <Bar label="All" used={String(budget.connections)} limit={String(budget.limit)} />
            {roles
              .filter(({ connections }) => connections > 0)
              .map(({ role, connections, expected }) => (
                <Bar key={role} label={role} used={String(connections)} limit={String(expected.most)} />
              ))}
            <p class="note">The other logins have none.</p>
            {missing.map((sentence) => (
              <p key={sentence} class="note">
                {sentence}
              </p>
            ))}
          </>
        )}
      </Answer>
    </Panel>
  );
}

function BackupsOf() {
  const backups = useLoad('backups', (caller) => get<Value<Backups>>(caller, '/v1/backups'), {
    every_ms: 60_000,
  });
  return (
    <Panel title="Backups" unit="restored and compared" tall="middle" at_ms={backups.at_ms}>
      <Answer of={backups}>{({ value }) => <ListOfBackups of={value} />}</Answer>
    </Panel>
  );
}

const SHOWN_BACKUPS = 8;

function ListOfBackups({ of: { verified, failure, backups } }: { of: Backups }) {
  return (
    <>
      {verified ? (
        <p class="sums">
          <b>
            <Age at_ms={verified.taken_ms} />
          </b>{' '}
          the last one was taken that was restored and found right, {bytes(verified.bytes)}
        </p>
      ) : (
        <Empty command="claire backup create">
          No backup of this book was restored and found right. One is restored right after it was taken.
        </Empty>
      )}
      {failure && (
        <p class="note">
          <span class="tag fail">✗ {failure.action}</span> {failure.error} <Age at_ms={failure.at_ms} />
        </p>
      )}
      <ul class="log">
        {backups.slice(0, SHOWN_BACKUPS).map((backup) => (
          <li key={backup.name}>
            <Standing of={backup} /> <When at_ms={backup.taken_ms} /> {backup.problem ?? backup.kind}
            {backup.bytes !== undefined && `, ${bytes(backup.bytes)}`}
            {backup.rows !== undefined && `, ${many(backup.rows, 'row')}`}
          </li>
        ))}
      </ul>
    </>
  );
}

function Standing({ of: { verified } }: { of: Backup }) {
  if (!verified) return <span class="tag warn">not verified</span>;
  return verified.ok ? <span class="tag ok">✓ verified</span> : <span class="tag fail">✗ not right</span>;
}

function Retention() {
  const horizons = useLoad('horizons', (caller) => get<Rows<Horizon>>(caller, '/v1/horizons'), {
    every_ms: 60_000,
  });
  const runs = useLoad(
    'retention',
    (caller) => get<Rows<RetentionRun>>(caller, '/v1/retention-runs', { limit: 4 }),
    {
      every_ms: 60_000,
    },
  );
  const both = together({ horizons, runs });
  return (
    <Panel title="Retention" unit="kept after recording" tall="middle" at_ms={both.at_ms}>
      <Answer of={both}>
        {(of) => (
          <>
            <Facts
              of={(of.horizons?.rows ?? []).map(({ table_name, keep_seconds }) => [
                words(table_name),
                keep_seconds === null ? 'for ever' : span(keep_seconds * 1000),
              ])}
            />
            {of.runs && <Runs rows={of.runs.rows} />}
          </>
        )}
      </Answer>
    </Panel>
  );
}

const Runs = ({ rows }: { rows: readonly RetentionRun[] }) =>
  rows.length === 0 ? (
    <Empty command="claire retention run --dry-run">It has not run yet; `claire up` runs it hourly.</Empty>
  ) : (
    <ul class="log">
      {rows.map(({ id, table_name, outcome, removed, ended_at }) => (
        <li key={id}>
          {words(table_name)}: {outcome}, {count(removed)} rows left <Age at_ms={ended_at} />
        </li>
      ))}
    </ul>
  );
