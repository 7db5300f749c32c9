/** Money as Prometheus has numbers: a float, which is for a curve on a screen. The only place where money becomes one. */
export const shownMoney = (decimal: string): number => Number(decimal);
