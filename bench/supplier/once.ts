/** A function that runs once: later calls return the first result. */
export function once<A, R>(work: (argument: A) => Promise<R>): (argument: A) => Promise<R> {
  let result: Promise<R> | undefined;
  return (argument) => (result ??= work(argument));
}
