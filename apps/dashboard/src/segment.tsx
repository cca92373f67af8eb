import type { ComponentChildren, VNode } from 'preact';

/** What {@link Segment} gets. */
export interface SegmentProps<T extends string> {
  readonly label: string;
  readonly options: readonly T[];
  readonly chosen: T | undefined;
  readonly choose: (option: T) => void;
  /** What stands on a button. */
  readonly say: (option: T) => ComponentChildren;
}

/** Buttons in one frame, of which one is chosen. */
export function Segment<T extends string>({ label, options, chosen, choose, say }: SegmentProps<T>): VNode {
  return (
    <div class="seg" role="group" aria-label={label}>
      {options.map((option) => (
        <button key={option} type="button" aria-pressed={option === chosen} onClick={() => choose(option)}>
          {say(option)}
        </button>
      ))}
    </div>
  );
}
