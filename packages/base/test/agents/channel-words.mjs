// The vocabulary of the channel test, for both of its ends.
const shape = (what, check) => ({
  safeParse: (value) =>
    check(value) ? { success: true, data: value } : { success: false, error: { message: `not ${what}` } },
});

export const WORDS = {
  requests: {
    end: {
      ask: shape('a place and a number', (v) => typeof v?.at === 'string' && typeof v?.value === 'number'),
      reply: shape('a number', (v) => typeof v === 'number'),
    },
  },
  notices: { heard: shape('a text', (v) => typeof v === 'string') },
};
