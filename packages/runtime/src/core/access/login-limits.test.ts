import { FakeClock } from '@vigia/base';
import { beforeEach, expect, test } from 'vitest';
import { addressName, Attempts } from './attempts.ts';
import { LoginLimits } from './login-limits.ts';

let clock: FakeClock;
let limits: LoginLimits;
beforeEach(() => {
  clock = new FakeClock();
  limits = new LoginLimits(clock);
});

const fail = (user: string, from: string): string => {
  try {
    limits.begin(user, from);
    return 'tried';
  } catch (error) {
    return (error as Error).message;
  }
};

test('10 wrong passwords from an address, then one more every 10 s', () => {
  for (let n = 0; n < 10; n += 1) expect(fail(`user${n}`, '10.0.0.1')).toBe('tried');
  expect(fail('other', '10.0.0.1')).toBe('too many wrong passwords; try again in 10 s');
  expect(fail('other', '10.0.0.2')).toBe('tried');
  clock.advance(10_000);
  expect(fail('other', '10.0.0.1')).toBe('tried');
  expect(fail('other', '10.0.0.1')).toMatch('too many');
});

test('20 for an account, from however many addresses; whose address is known is not locked out', () => {
  limits.begin('anna', '10.0.9.9').succeeded();
  for (let n = 0; n < 20; n += 1) expect(fail('anna', `10.0.0.${n}`)).toBe('tried');
  expect(fail('anna', '10.0.1.1')).toBe('too many wrong passwords; try again in 15 s');
  expect(fail('otto', '10.0.1.1')).toBe('tried');
  expect(fail('anna', '10.0.9.9')).toBe('tried');
});

test('others at the same address do not lock out whom it knows', () => {
  limits.begin('anna', '10.0.0.1').succeeded();
  for (let n = 0; n < 11; n += 1) fail(`user${n}`, '10.0.0.1');
  expect([fail('other', '10.0.0.1'), fail('anna', '10.0.0.1')]).toEqual([expect.stringMatching('too many'), 'tried']);
});

test('a password that was not looked at costs nothing', () => {
  for (let n = 0; n < 100; n += 1) limits.begin('anna', '10.0.0.1').untried();
  for (let n = 0; n < 10; n += 1) expect(fail('anna', '10.0.0.1')).toBe('tried');
});

test('what was refused for the account does not count against the address', () => {
  for (let n = 0; n < 20; n += 1) fail('anna', `10.0.0.${n}`);
  for (let n = 0; n < 30; n += 1) expect(fail('anna', '10.0.1.1')).toMatch('too many');
  expect(fail('otto', '10.0.1.1')).toBe('tried');
});

test('right passwords cost nothing', () => {
  for (let n = 0; n < 100; n += 1) limits.begin('anna', '10.0.0.1').succeeded();
  for (let n = 0; n < 10; n += 1) expect(fail('anna', '10.0.0.1')).toBe('tried');
});

test('a bounded number of names', () => {
  const attempts = new Attempts({ clock, burst: 1, refillMs: 1_000 });
  expect(attempts.take('first')).toBe(0);
  for (let n = 0; n < 9_999; n += 1) attempts.take(`name ${n}`);
  expect(attempts.take('first')).toBe(1_000);
  attempts.take('one more');
  expect(attempts.take('first')).toBe(0);
});

test.each([
  ['::ffff:10.0.0.1', '10.0.0.1'],
  ['10.0.0.1', '10.0.0.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:db8::1', '2001:db8:0:0'],
  ['::1', '0:0:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
])('%s counts as %s', (address, name) => {
  expect(addressName(address)).toBe(name);
});
