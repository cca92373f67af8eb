import type { CameraConfig } from '@vigia/contracts';
import { nearest } from '#core/terminal';

/** What a rule refers to. */
type RuledCamera = Pick<CameraConfig, 'zones' | 'rules' | 'consumers'>;

/** Checks what the rules of a camera refer to. @param at Place of a key of a rule in the file: `bed`, `from`. */
export function checkRules(camera: RuledCamera, at: (rule: string, ...keys: readonly string[]) => string): string[] {
  const { fall, bed, visits } = camera.rules ?? {};
  return [
    ...(fall ? checkFrom(camera, fall.from, at('fall', 'from')) : []),
    ...(bed ? checkFrom(camera, bed.from, at('bed', 'from')) : []),
    ...(bed ? checkBed(camera, bed.zone, at('bed', 'zone')) : []),
    ...(visits ? checkFrom(camera, visits.from, at('visits', 'from')) : []),
    ...Object.keys(visits?.zones ?? {}).flatMap((id) => checkVisited(camera, id, at('visits', 'zones', id))),
  ];
}

/** A rule follows a model of its camera. */
function checkFrom({ consumers }: RuledCamera, from: string, at: string): string[] {
  const models = Object.keys(consumers).filter((id) => consumers[id]?.model !== undefined && consumers[id].enabled);
  const allowed = models.length === 0 ? 'this camera has no model' : `allowed are ${models.join(', ')}`;
  const consumer = Object.hasOwn(consumers, from) ? consumers[from] : undefined;
  if (!consumer) {
    const near = nearest(from, models);
    return [`${at}: this camera has no consumer "${from}"${near ? `, did you mean "${near}"?` : ''}; ${allowed}`];
  }
  if (consumer.model === undefined)
    return [`${at}: consumer "${from}" is a worker, a model that finds persons is expected; ${allowed}`];
  if (!consumer.enabled)
    return [`${at}: consumer "${from}" has \`enabled: false\`, so the rule would see nothing; ${allowed}`];
  return [];
}

/** The bed rule watches a zone of kind `bed`. */
function checkBed({ zones }: RuledCamera, id: string, at: string): string[] {
  const beds = Object.keys(zones).filter((one) => zones[one]?.kind === 'bed');
  const allowed = beds.length === 0 ? 'this camera has no zone of kind bed' : `allowed are ${beds.join(', ')}`;
  const zone = Object.hasOwn(zones, id) ? zones[id] : undefined;
  // Events about a person have such names.
  if (/^person-\d+$/.test(id)) return [`${at}: zone "${id}" has the name of a person in events: choose another one`];
  if (zone?.kind === 'bed') return [];
  if (zone) return [`${at}: zone "${id}" is of kind ${zone.kind}, a bed is expected; ${allowed}`];
  const near = nearest(id, beds);
  return [`${at}: this camera has no zone "${id}"${near ? `, did you mean "${near}"?` : ''}; ${allowed}`];
}

/** Visits are followed where people can be seen. */
function checkVisited({ zones }: RuledCamera, id: string, at: string): string[] {
  const visible = Object.keys(zones).filter((one) => isVisible(zones[one]?.kind));
  const allowed =
    visible.length === 0 ? 'this camera has no zone where people are seen' : `allowed are ${visible.join(', ')}`;
  const zone = Object.hasOwn(zones, id) ? zones[id] : undefined;
  if (zone && isVisible(zone.kind)) return [];
  if (zone) return [`${at}: zone "${id}" is of kind ${zone.kind}, where nobody is seen; ${allowed}`];
  const near = nearest(id, visible);
  return [`${at}: this camera has no zone "${id}"${near ? `, did you mean "${near}"?` : ''}; ${allowed}`];
}

function isVisible(kind: string | undefined): boolean {
  return kind !== undefined && kind !== 'ignore' && kind !== 'privacy';
}
