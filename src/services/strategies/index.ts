export { MovingAverageCrossover } from './moving-average-crossover.js';
export { RelativeStrength } from './relative-strength.js';
export type { Advice, Strategy } from './strategy.js';
