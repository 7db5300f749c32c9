import type { z } from 'zod';

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
