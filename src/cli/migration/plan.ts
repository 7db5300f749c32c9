import type { ExitCode } from '../../errors/index.js';
import type { MigrateOptions } from '../../schema/index.js';
import type { Invocation } from '../command.js';
import type { Place } from '../session.js';
export async function showPlan(_i: Invocation, _p: Place, _o: MigrateOptions): Promise<ExitCode> {
  return 0;
}
