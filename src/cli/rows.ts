import type { z } from 'zod';
import { toJson } from '../database/index.js';
import { toIso } from '../domain/time.js';
import { out } from '../operations/fields.js';
import { isOf } from '../operations/shapes.js';

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
