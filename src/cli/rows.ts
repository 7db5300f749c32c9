import type { z } from 'zod';
import { toJson } from '../database/index.js';
import { toIso } from '../domain/time.js';
import { out } from '../operations/fields.js';

export type Row = Record<string, unknown>;

export interface Column {
  name: string;
  isTime: boolean;
}

/** The columns of a read, from the shape of its row. */
export const columnsOf = (shape: z.ZodObject): Column[] =>
  Object.entries(shape.shape).map(([name, field]) => ({
    name,
    isTime: isOf(field as z.ZodType, out.time),
  }));

/** A value as people read it: times as ISO 8601 in UTC, money as it is stored, nothing where there is nothing. */
export function formatCell(column: Column, value: unknown): string {
  if (value === null || value === undefined) return '';
  if (column.isTime) return toIso(value as number);
  if (Array.isArray(value)) return value.join(', ');
  return typeof value === 'object' ? toJson(value) : String(value);
}

/** The field itself, without what makes it optional. */
export function innermost(field: z.ZodType): z.ZodType {
  const wrapped = (field as z.ZodType & { unwrap?: () => z.ZodType }).unwrap?.();
  return wrapped ? innermost(wrapped) : field;
}

/** Whether a field is of a kind, whatever description it was given since, and also where it may be absent. */
export function isOf(field: z.core.$ZodType, kind: z.core.$ZodType): boolean {
  if (field === kind) return true;
  const { parent, def } = field._zod as { parent?: z.core.$ZodType; def: { innerType?: z.core.$ZodType } };
  return (parent !== undefined && isOf(parent, kind)) || (!!def.innerType && isOf(def.innerType, kind));
}
