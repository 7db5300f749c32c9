import { z } from 'zod';
import { ClaireError, type ErrorCode } from '../errors/index.js';

/** What became of one item of a batch, or of a single write. Items of a batch never fail each other. */
export type Outcome =
  /** Written by this call, and committed. */
  | { id: string; outcome: 'recorded' }
  /** The same content was there already; nothing was written. */
  | { id: string; outcome: 'already_recorded' }
  /** Something else is recorded under this id: `fields` differ. Nothing was written. */
  | { id: string; outcome: 'conflict'; fields: string[] }
  /** A law refuses it: `law` is the constraint's name where the database refused. Nothing was written. */
  | { id: string; outcome: 'refused'; code: ErrorCode; law?: string; message: string; remedy: string };

/** What a single write resolves to; everything else is thrown. */
export type Recorded = Extract<Outcome, { outcome: 'recorded' | 'already_recorded' }>;

/** What a statement found of an item: an outcome, or the error of the law that refuses it. */
export type Settled = Exclude<Outcome, { outcome: 'refused' }> | ClaireError;

export const outcomeShape = z.object({
  id: z.string(),
  outcome: z.enum(['recorded', 'already_recorded', 'conflict', 'refused']),
  fields: z.array(z.string()).optional(),
  code: z.string().optional(),
  law: z.string().optional(),
  message: z.string().optional(),
  remedy: z.string().optional(),
});

/** Refusals are outcomes; that the database cannot be reached is not. */
export const isRefusal = (error: unknown): error is ClaireError =>
  error instanceof ClaireError && ([404, 409, 422].includes(error.status) || isOfAnotherLaw(error));

/** A constraint or a trigger that somebody added to the book refuses a row just as ours do. */
const isOfAnotherLaw = ({ details }: ClaireError): boolean => /^(23|P0)/.test(String(details?.sqlstate));

export const refused = (id: string, error: ClaireError): Outcome => ({
  id,
  outcome: 'refused',
  code: error.code,
  ...(error.law === undefined ? {} : { law: error.law }),
  message: error.message,
  remedy: error.remedy,
});

/** The result of a single write: returned where it stands in the record, thrown where it does not. */
export function settle(what: string, result: Settled): Recorded {
  if (result instanceof ClaireError) throw result;
  if (result.outcome !== 'conflict') return result;
  throw new ClaireError('id_conflict', {
    found: `${what} ${result.id} differs in ${result.fields.join(', ')}.`,
    details: { id: result.id, fields: result.fields },
  });
}
