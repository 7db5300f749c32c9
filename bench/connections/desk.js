/** The services of the budget at work: processes, their callers, and what became of them. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { followJournal } from './journal.js';

/** After a fault everybody works again within this: far more than any time limit of the pool. */
const RECOVERED_MS = 20_000;

/**
 * @param {Awaited<ReturnType<typeof import('./ground.js').openGround>>} ground
 * @param {{ names: readonly string[], callers: (name: string) => number, port?: number, seed: number, pace: number,
 *   options?: object }} options
 */
export async function openDesk(ground, { names, callers, port, seed, pace, options = {} }) {
  const services = names.map((name) => ground.service(name));
  const journals = names.map((service) => {
    const file = join(ground.journals, `${service}.jsonl`);
    return { file, read: followJournal(file) };
  });
  const each = (work) => Promise.all(services.map(work));
  await each(({ name, ask }, at) => {
    // How many connections it may have its name says.
    const all = { service: name, databaseUrl: ground.urlOf(name, port), ...options };
    return ask('connect', { options: all, file: journals[at].file });
  });
  await each(({ name, ask }, at) => {
    const own = { count: callers(name), seed: seed * 10 + at, name: `${name}-${seed}` };
    return ask('work', { service: name, pace, ...own });
  });
  const counts = () => each(async ({ name, ask }) => ({ name, callers: await ask('counts') }));
  return {
    /** @param {string} name */
    service: (name) => services.find((service) => service.name === name),
    each,
    counts,
    /** Everything that all of them were told until now. */
    entries: () =>
      journals.flatMap(({ read }, at) => read().map((entry) => ({ ...entry, service: names[at] }))),
    /** Waits until every caller was answered again, and every service acknowledged. Gives who was not in time. */
    async recovered() {
      const [begun, before] = [performance.now(), await counts()];
      for (;;) {
        const late = standing(before, await counts());
        if (late.length === 0 || performance.now() - begun > RECOVERED_MS)
          return { took_ms: Math.round(performance.now() - begun), late };
        await sleep(20);
      }
    },
    /** Ends the callers. Gives what processes did that they should not. */
    async stop() {
      await each(({ ask }) => ask('stop'));
      const said = services.filter((service) => service.said() !== '');
      return said.map((service) => `${service.name} wrote to its standard error: ${service.said()}`);
    },
  };
}

/** Who has not moved since. @returns {string[]} */
function standing(before, after) {
  return after.flatMap(({ name, callers }, at) => {
    const was = before[at].callers;
    const still = callers.filter(({ answered }, caller) => answered === was[caller].answered).length;
    const acknowledged = (all) => all.reduce((total, one) => total + one.acknowledged, 0);
    return [
      ...(still > 0 ? [`${still} callers of ${name} were not answered again`] : []),
      // Who only reads is acknowledged nothing, ever.
      ...(acknowledged(was) > 0 && acknowledged(callers) === acknowledged(was)
        ? [`${name} was acknowledged nothing again`]
        : []),
    ];
  });
}
