/** A promise and the function that fulfils it: a named step of a race. */
export function step() {
  let done!: () => void;
  const reached = new Promise<void>((resolve) => {
    done = resolve;
  });
  return { reached, done };
}
