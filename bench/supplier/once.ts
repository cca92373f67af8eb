/** A function that works once: whoever asks later gets the first answer. */
export function once<A, R>(work: (argument: A) => Promise<R>): (argument: A) => Promise<R> {
  let result: Promise<R> | undefined;
  return (argument) => (result ??= work(argument));
}
