import { describe, expect, it } from 'vitest';
import { FAULTS } from './fault-list.ts';
import { formatFault, MAX_FAULTS, parseFaults } from './parse-faults.ts';

describe('parseFaults', () => {
  it.each([
    ['freeze', 0],
    ['freeze:5s', 5000],
    ['freeze:5', 5000],
    ['freeze:200ms', 200],
    ['freeze:2m', 120_000],
    ['flap', 200],
    ['flap:0.5s', 500],
    ['reboot', 60_000],
    ['pts-jump:-3.5', -3500],
    ['clock-step:+7200s', 7_200_000],
    ['loss:12.5%', 12.5],
    ['slow:64k', 64],
    ['slow:64kbit/s', 64],
    ['drift:-200ppm', -200],
    ['garbage', 0.05],
    ['no-reports', 0],
  ])('reads %s', (text, value) => {
    expect(parseFaults([text])).toMatchObject([{ name: text.split(':')[0], text, value }]);
  });

  it('keeps colons in files and URLs', () => {
    expect(parseFaults(['redirect:rtsp://h:1/x', 'resolution:/a:b.mp4', 'codec-change'])).toMatchObject([
      { argument: 'rtsp://h:1/x' },
      { argument: '/a:b.mp4' },
      { argument: undefined },
    ]);
  });

  it.each([
    ['frezze', '"frezze" is no fault: refuse, reboot, '],
    ['', '"" is no fault'],
    ['silent:3', 'the fault silent takes no argument: "3" was given'],
    ['freeze:soon', 'the fault freeze was given "soon": a number in 0..86400 s is needed, as in freeze:0s'],
    ['loss:101', 'a number in 0..100 percent is needed'],
    ['loss:5s', 'a number in 0..100 percent is needed'],
    ['garbage:2', 'a number in 0..1 (a share of 1) is needed'],
    ['flap:0', 'a number in 1..86400000 ms is needed'],
    ['resolution:', 'empty argument'],
  ])('refuses "%s" with a sentence', (text, words) => {
    expect(() => parseFaults([text])).toThrow(
      expect.objectContaining({ code: 'bad_fault', message: expect.stringContaining(words) }),
    );
  });

  it('refuses the same fault twice, and too many', () => {
    expect(() => parseFaults(['loss:1', 'loss:2'])).toThrow('given twice');
    expect(() => parseFaults(Array.from({ length: MAX_FAULTS + 1 }, () => 'loss'))).toThrow('at most 32');
  });

  it('takes every fault of the list with its default, as the list shows it', () => {
    for (const kind of FAULTS) {
      expect(parseFaults([kind.name])).toHaveLength(1);
      if (kind.argument?.default === undefined) continue;
      const shown = formatFault(kind).replace('[', '').replace(']', '');
      expect(parseFaults([shown])[0]?.value).toBe(parseFaults([kind.name])[0]?.value);
    }
  });
});
