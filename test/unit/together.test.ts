import { describe, expect, test } from 'vitest';
import { Together } from '../../src/http/api/together.js';
import { step } from '../harness/step.js';

/** Questions that are answered when they are told to, each with its number. */
function questions() {
  const put: { answer: ReturnType<typeof step>; fail: boolean }[] = [];
  return {
    put,
    work: async () => {
      const asked = { answer: step(), fail: false };
      const number = put.push(asked);
      await asked.answer.reached;
      if (asked.fail) throw new Error(`no ${number}`);
      return number;
    },
  };
}

describe('who asks the same at the same time', () => {
  test('is answered together with those who came meanwhile, by a question that was put after he came', async () => {
    const together = new Together();
    const { put, work } = questions();
    const first = together.ask('same', work);
    const [second, third] = [together.ask('same', work), together.ask('same', work)];
    expect(put).toHaveLength(1);
    put[0]!.answer.done();
    expect(await first).toBe(1);
    await expect.poll(() => put.length).toBe(2);
    const fourth = together.ask('same', work);
    put[1]!.answer.done();
    expect(await Promise.all([second, third])).toEqual([2, 2]);
    await expect.poll(() => put.length).toBe(3);
    put[2]!.answer.done();
    expect(await fourth).toBe(3);
  });

  test('gets an answer of his own where the one before was an error, or another thing was asked', async () => {
    const together = new Together();
    const { put, work } = questions();
    const [failing, next] = [together.ask('same', work), together.ask('same', work)];
    const other = together.ask('other', work);
    expect(put).toHaveLength(2);
    put[0]!.fail = true;
    for (const { answer } of put) answer.done();
    await expect(failing).rejects.toThrow('no 1');
    expect(await other).toBe(2);
    await expect.poll(() => put.length).toBe(3);
    put[2]!.answer.done();
    expect(await next).toBe(3);
  });

  test('and comes after it is answered begins anew', async () => {
    const together = new Together();
    const { put, work } = questions();
    for (const number of [1, 2]) {
      const asked = together.ask('same', work);
      await expect.poll(() => put.length).toBe(number);
      put.at(-1)!.answer.done();
      expect(await asked).toBe(number);
    }
  });
});
