/** What an ask leaves behind when it is over. */
export interface Rest {
  /** Not asked again before this has passed, whatever comes; longer where the answer took longer. */
  least_ms?: number;
  /** Asked again by itself after this. */
  beat_ms?: number | undefined;
}

export interface Pace {
  /** Asks again when the pace allows it; `at once` as soon as none is under way. */
  ask(when?: 'at once'): void;
  stop(): void;
}

/** Events gather for this long, so that a hundred of them are one ask. */
const LEAST_MS = 1000;

/**
 * Asks one after the other and never two at once. What is asked for while one is under way is asked once more when that is
 * over, and no sooner after it than it took: a server that is slow is not asked without a pause.
 */
export function paced(
  run: () => Promise<Rest>,
  { first_ms = 0, isIdle = () => false }: { first_ms?: number; isIdle?: () => boolean } = {},
): Pace {
  let isOver = false;
  let isUnderWay = false;
  let again: 'paced' | 'at once' | undefined;
  let notBefore = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let due = Number.POSITIVE_INFINITY;

  /** The soonest of all that was wanted. */
  function plan(at_ms: number, then: () => void): void {
    if (isOver || isUnderWay || at_ms >= due) return;
    clearTimeout(timer);
    due = at_ms;
    timer = setTimeout(
      () => {
        due = Number.POSITIVE_INFINITY;
        then();
      },
      Math.max(0, at_ms - performance.now()),
    );
  }

  function beat(every_ms: number): void {
    plan(performance.now() + every_ms, () => (isIdle() ? beat(every_ms) : void go()));
  }

  async function go(): Promise<void> {
    isUnderWay = true;
    const began = performance.now();
    const { least_ms = 0, beat_ms } = await run();
    const ended = performance.now();
    isUnderWay = false;
    notBefore = ended + Math.max(LEAST_MS, least_ms, ended - began);
    const wanted = again;
    again = undefined;
    if (wanted) plan(wanted === 'at once' ? ended : notBefore, () => void go());
    else if (beat_ms !== undefined) beat(Math.max(beat_ms, notBefore - ended));
  }

  plan(performance.now() + first_ms, () => void go());
  return {
    ask(when) {
      if (isUnderWay) again = when ?? again ?? 'paced';
      else plan(when ? performance.now() : Math.max(notBefore, performance.now()), () => void go());
    },
    stop() {
      isOver = true;
      clearTimeout(timer);
    },
  };
}
