/** More than the messages that follow each other in one exchange over a socket of this process. */
const TURNS = 20;

/** Lets sockets of this process deliver what is under way: each turn of the loop reads what has arrived, and answers it. */
export async function turnsOfTheLoop(): Promise<void> {
  for (let turn = 0; turn < TURNS; turn += 1) await new Promise(setImmediate);
}
