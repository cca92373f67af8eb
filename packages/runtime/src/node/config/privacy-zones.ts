import type { CameraConfig } from '@vigia/contracts';

/** Checks that nobody is recorded where the configuration promises privacy. @param at Place of a zone in the file. */
export function checkPrivacy({ zones, record }: CameraConfig, at: (zone: string) => string): string[] {
  const isRecorded = record !== undefined && record.mode !== 'never';
  return Object.entries(zones).flatMap(([name, { kind, recorded }]) => {
    if (kind !== 'privacy')
      return recorded === undefined ? [] : [`${at(name)}: \`recorded\` is for zones of kind privacy, not ${kind}`];
    if (!isRecorded || recorded) return [];
    return [
      `${at(name)}: recordings keep the picture as the camera sends it, and so show this zone; remove \`record\`, or say that you know it with \`recorded: true\``,
    ];
  });
}
