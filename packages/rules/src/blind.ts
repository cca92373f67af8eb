/** Without a result for so long nobody knows: rules of beds and visits, and alarms of falls. Milliseconds. */
export const BLIND_MS = 5_000;
