import type { ComponentChildren, VNode } from 'preact';
import { type TextKey, text } from './texts.ts';
import { BED_KINDS, type BedAlarmKind, VISIT_KINDS, type VisitAlarmKind, type Zone } from './zone-draft.ts';
import type { ZonesScreen } from './zones-screen.ts';

/** What an alarm begins with; the node says what else is allowed. */
const USUAL = { away: '15m', empty: '12h', people: 3, longLie: '10s' } as const;

interface OfZone {
  readonly screen: ZonesScreen;
  readonly zone: Zone;
}

/** Whether this bed is watched, and from which step of leaving it on there is an alarm. */
export function BedAlarm({ screen, zone }: OfZone): VNode {
  const { bed } = screen.rules.value;
  const own = bed?.zone === zone.id ? bed : undefined;
  if (screen.follows === undefined) return <Nobody />;
  const { alarm = 'away', away, hours } = own ?? {};
  const set = (change: { alarm?: BedAlarmKind; away?: string; hours?: string }): void => {
    const next = { alarm, away, hours, ...change };
    screen.setBed(zone.id, {
      alarm: next.alarm,
      ...(next.alarm === 'away' ? { away: next.away ?? USUAL.away } : {}),
      ...(next.hours ? { hours: next.hours } : {}),
    });
  };
  return (
    <>
      <Choice
        name="za.bed"
        value={own ? alarm : 'off'}
        options={['off', ...BED_KINDS]}
        say={(one) => `za.bed.${one}`}
        choose={(one) => (one === 'off' ? screen.setBed(zone.id, undefined) : set({ alarm: one }))}
      />
      {own && alarm === 'away' && (
        <Line name="za.away" value={away ?? USUAL.away} set={(value) => set({ away: value })} />
      )}
      {own && <Line name="za.hours" value={hours ?? ''} hint="21:00-07:00" set={(value) => set({ hours: value })} />}
      {bed && !own && <p class="mute">{text('za.otherbed', { zone: bed.zone })}</p>}
    </>
  );
}

/** Whether it is recorded who comes and goes, and what of it is an alarm. */
export function VisitAlarm({ screen, zone }: OfZone): VNode | null {
  const own = screen.rules.value.visits?.zones[zone.id];
  if (screen.follows === undefined) return zone.kind === 'bed' ? null : <Nobody />;
  const { alarm, after, people, hours } = own ?? {};
  const set = (change: {
    alarm?: VisitAlarmKind | undefined;
    after?: string;
    people?: number;
    hours?: string;
  }): void => {
    const next = { alarm, after, people, hours, ...change };
    if (next.alarm === undefined) return screen.setVisits(zone.id, {});
    const waits = next.after ?? (next.alarm === 'empty' ? USUAL.empty : undefined);
    screen.setVisits(zone.id, {
      alarm: next.alarm,
      ...(waits ? { after: waits } : {}),
      ...(next.alarm === 'crowded' ? { people: next.people ?? USUAL.people } : {}),
      ...(next.hours ? { hours: next.hours } : {}),
    });
  };
  return (
    <>
      <Choice
        name="za.visits"
        value={own ? (alarm ?? 'record') : 'off'}
        options={['off', 'record', ...VISIT_KINDS]}
        say={(one) => `za.visits.${one}`}
        choose={(one) => {
          if (one === 'off') screen.setVisits(zone.id, undefined);
          else set({ alarm: one === 'record' ? undefined : one });
        }}
      />
      {alarm !== undefined && (
        <>
          <Line
            name="za.after"
            value={after ?? ''}
            hint={alarm === 'empty' ? USUAL.empty : '0s'}
            set={(value) => set({ after: value })}
          />
          {alarm === 'crowded' && (
            <Line
              name="za.people"
              value={String(people ?? USUAL.people)}
              range={[2, 100]}
              set={(value) => set({ people: Number(value) })}
            />
          )}
          <Line name="za.hours" value={hours ?? ''} hint="21:00-07:00" set={(value) => set({ hours: value })} />
        </>
      )}
    </>
  );
}

/** Whether falls are watched for, in the whole picture. */
export function FallAlarm({ screen }: { screen: ZonesScreen }): VNode {
  const { fall } = screen.rules.value;
  const longLie = fall?.long_lie ?? USUAL.longLie;
  return (
    <section class="card prop" aria-label={text('za.falls')}>
      {screen.follows === undefined ? (
        <Nobody />
      ) : (
        <>
          <label class="check">
            <input
              type="checkbox"
              checked={fall !== undefined}
              onChange={({ currentTarget }) => screen.setFall(currentTarget.checked ? USUAL.longLie : undefined)}
            />
            <span>{text('za.fall')}</span>
          </label>
          {fall && <Line name="za.lies" value={longLie} set={(value) => screen.setFall(value || 'off')} />}
        </>
      )}
    </section>
  );
}

function Nobody(): VNode {
  return <p class="mute">{text('za.noconsumer')}</p>;
}

interface ChoiceProps<T extends string> {
  readonly name: TextKey;
  readonly value: T;
  readonly options: readonly T[];
  readonly say: (option: T) => TextKey;
  readonly choose: (option: T) => void;
}

function Choice<T extends string>({ name, value, options, say, choose }: ChoiceProps<T>): VNode {
  return (
    <Labelled name={name} wide>
      <select
        class="in"
        aria-label={text(name)}
        value={value}
        onChange={({ currentTarget }) => choose(currentTarget.value as T)}
      >
        {options.map((option) => (
          <option key={option} value={option}>
            {text(say(option))}
          </option>
        ))}
      </select>
    </Labelled>
  );
}

interface LineProps {
  readonly name: TextKey;
  readonly value: string;
  /** What stands there while nothing does. */
  readonly hint?: string;
  /** Of a number: the least and the most. */
  readonly range?: readonly [number, number];
  readonly set: (value: string) => void;
}

/** What is typed counts once the field is left: half a duration is none. */
function Line({ name, value, hint, range, set }: LineProps): VNode {
  return (
    <Labelled name={name}>
      <input
        key={value}
        class="in"
        aria-label={text(name)}
        defaultValue={value}
        placeholder={hint}
        {...(range ? { type: 'number' as const, min: range[0], max: range[1] } : {})}
        maxLength={20}
        onChange={({ currentTarget }) => set(currentTarget.value.trim())}
      />
    </Labelled>
  );
}

function Labelled({ name, wide, children }: { name: TextKey; wide?: boolean; children: ComponentChildren }): VNode {
  return (
    <label class={wide ? 'wide' : undefined}>
      <span class="mute">{text(name)}</span>
      {children}
    </label>
  );
}
