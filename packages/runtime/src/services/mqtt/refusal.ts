/** Why a broker refuses a connection. */
export interface Refusal {
  /** For people. Only words of ours: a broker's own text is not repeated. */
  readonly text: string;
  /** Another configuration, of the node or of the broker, cures it; time alone does not. */
  readonly lasting: boolean;
  /** The broker does not speak this version of the protocol. */
  readonly version: boolean;
}

const wait = (text: string): Refusal => ({ text, lasting: false, version: false });
const change = (text: string): Refusal => ({ text, lasting: true, version: false });
const VERSION: Refusal = { text: 'it does not speak this version of the protocol', lasting: true, version: true };
const CLIENT = change('it does not accept the client id; choose another `node`');
const LOGIN = change('the user name or the password is wrong; see `mqtt.url`');
const RIGHTS = change('this user is not authorized; see `mqtt.url` and the rights at the broker');
const AWAY = wait('it is not available');
const WILL = change('it does not accept the last will (`vigia/<node>/status`, retained, QoS 1)');
const MOVED = change('it names another server; see `mqtt.url`');

/** By code of a CONNACK: below 128 those of version 3.1.1, then those of version 5. */
const REFUSALS: Readonly<Record<number, Refusal>> = {
  1: VERSION,
  2: CLIENT,
  3: AWAY,
  4: LOGIN,
  5: RIGHTS,
  132: VERSION,
  133: CLIENT,
  134: LOGIN,
  135: RIGHTS,
  136: AWAY,
  137: wait('it is busy'),
  138: change('this client is banned'),
  140: LOGIN,
  144: WILL,
  149: WILL,
  151: wait('a quota is exceeded'),
  153: WILL,
  154: WILL,
  155: WILL,
  156: MOVED,
  157: MOVED,
  159: wait('too many connections in too short a time'),
};

/** The meaning of the code of a CONNACK. */
export function refusalOf(code: number): Refusal {
  return REFUSALS[code] ?? wait(`code ${code}`);
}
