import { type Caller, post, type Value } from '../api.js';
import { many } from '../exact.js';
import type { Me } from '../record.js';
import { keepToken, useCaller } from '../session.js';
import { Dialog, TokenField } from '../ui/dialog.js';
import { Command } from '../ui/panel.js';
import { Id } from '../ui/values.js';

interface Asked {
  me: Me | undefined;
  onClose: () => void;
  onDone: () => void;
}

/** Sends as who is signed in, else as the token that the dialog asked for; it is kept once it was good for something. */
async function send<Answer>(caller: Caller, form: FormData, path: string, body: object): Promise<Answer> {
  const given = form.get('token');
  const token = typeof given === 'string' && given !== '' ? given.trim() : caller.token;
  const sent = { reason: String(form.get('reason')), ...body };
  const answer = await post<Answer>({ ...caller, token }, path, sent);
  if (token !== caller.token) keepToken(token);
  return answer;
}

const Reason = ({ hint }: { hint: string }) => (
  <label>
    Reason
    <input name="reason" required autoComplete="off" placeholder={hint} maxLength={500} />
    <span class="hint">It is recorded with who you are, and shown to everybody who asks why.</span>
  </label>
);

const Check = ({ name, children }: { name: string; children: string }) => (
  <label class="check">
    <input type="checkbox" name={name} /> {children}
  </label>
);

interface Halted {
  /** Orders that another session was working on; left out where nothing was to be cancelled. */
  not_cancelled?: string[];
}

const NotCancelled = ({ ids }: { ids: readonly string[] }) => (
  <>
    <p>
      Trading is halted. {many(ids.length, 'order')} could not be cancelled, because another session was
      working on {ids.length === 1 ? 'it' : 'them'}, and may still be PENDING:
    </p>
    <ul class="log">
      {ids.map((id) => (
        <li key={id}>
          <Id of={id} />
        </li>
      ))}
    </ul>
    <p>When that session has ended, cancel what is left:</p>
    <Command text='claire halt --cancel-pending --reason "why"' />
  </>
);

export function HaltDialog({ me, onClose, onDone }: Asked) {
  const caller = useCaller();
  return (
    <Dialog
      title="Halt trading"
      verb="Halt trading"
      isGrave
      onClose={onClose}
      onSubmit={async (form) => {
        const { value } = await send<Value<Halted>>(caller, form, '/v1/halt', {
          cancel_pending: form.has('cancel_pending'),
        });
        onDone();
        const still = value.not_cancelled ?? [];
        return still.length > 0 && <NotCancelled ids={still} />;
      }}
    >
      <p>From its commit on no order increases risk, in any session. Closing orders and fills go on.</p>
      <Reason hint="late prices" />
      <Check name="cancel_pending">Cancel every PENDING order too</Check>
      {!me?.may_write && <TokenField />}
    </Dialog>
  );
}

export function ResumeDialog({ me, onClose, onDone }: Asked) {
  const caller = useCaller();
  return (
    <Dialog
      title="Resume trading"
      verb="Resume trading"
      onClose={onClose}
      onSubmit={async (form) => {
        await send(caller, form, '/v1/resume', { despite_limit: form.has('despite_limit') });
        onDone();
      }}
    >
      <p>Orders that open are taken again, within the limits.</p>
      <Reason hint="prices are back" />
      <Check name="despite_limit">Also while the drawdown is over its limit, for the rest of the day</Check>
      {!me?.may_write && <TokenField />}
    </Dialog>
  );
}
