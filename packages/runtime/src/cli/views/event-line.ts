import type { NodeEvent } from '@vigia/contracts';

/** An event as a line; undefined if another line reports it already. */
export function lineOf(event: NodeEvent): string | undefined {
  // The subject left the configuration, which the reload logs.
  if (event.phase === 'end' && event.kind.endsWith('_state')) return undefined;
  const alarm = event.severity === 'alarm' ? 'ALARM ' : '';
  const where = `${event.camera}/${event.consumer}`;
  switch (event.kind) {
    case 'model_state':
      return `model ${event.data.model}: ${event.data.state}${bracketed(event.data.reason)}`;
    case 'worker_state':
      return `worker ${where}: ${event.data.alarm ? 'ALARM ' : ''}${event.data.state}${bracketed(event.data.message && `it ${event.data.message}`)}`;
    case 'camera_state':
      return cameraLine(event);
    case 'sla':
    case 'shedding':
      return `${where}: ${alarm}${event.data.type.replace('_', ' ')}: ${event.data.message}`;
    case 'consumer_blind':
      return event.phase === 'end' ? event.data.message : `${alarm}${event.data.message}`;
    case 'bed':
    case 'visit':
      return `${event.subject}: ${alarm}${event.data.state}: ${event.data.message}`;
    case 'fall':
      return `${event.subject}: ${alarm}fall, ${event.data.state}: ${event.data.message}`;
    case 'config':
      return `configuration: revision ${event.data.revision} by ${event.data.by}`;
    default:
      return undefined;
  }
}

function cameraLine({ camera, data }: Extract<NodeEvent, { readonly kind: 'camera_state' }>): string {
  const again = data.retry_in_ms === null ? '' : `; again in ${(data.retry_in_ms / 1000).toFixed(1)} s`;
  return `camera ${camera}: ${data.state}${data.message ? `: ${data.message}${again}` : ''}`;
}

function bracketed(text: string | null): string {
  return text ? ` (${text})` : '';
}

/** An event of the past as a line, of any kind. */
export function recordedLine(event: NodeEvent): string {
  return `${event.at} ${event.severity.padEnd(7)} ${lineOf(event) ?? sentenceOf(event)}${acknowledgedText(event)}`;
}

function acknowledgedText({ acknowledged }: NodeEvent): string {
  if (!acknowledged) return '';
  const { by, outcome, note } = acknowledged;
  const found = [outcome?.replaceAll('_', ' '), note].filter((word) => word !== undefined).join(', ');
  return ` · acknowledged by ${by}${found === '' ? '' : `: ${found}`}`;
}

/** Of what the log says in another way. */
function sentenceOf(event: NodeEvent): string {
  const { kind, data } = event;
  switch (kind) {
    case 'node':
      return `node ${event.node}: ${data.state}, vigia ${data.version}`;
    case 'worker':
      return `${event.subject}: ${data.message}`;
    case 'recording': {
      const why = data.message ?? data.reason;
      return `camera ${event.camera}: recording: ${data.state}${why === null ? '' : `: ${why}`}`;
    }
    case 'storage':
      return `${event.subject === 'store' ? 'events' : 'recordings'}: ${data.message}`;
    case 'audit': {
      const about = data.target === null ? '' : ` ${data.target}`;
      const found = data.found?.outcome ? `, found ${data.found.outcome}` : '';
      const end = data.outcome === 'done' ? found : `: refused${bracketed(data.reason)}`;
      return `${data.by}: ${data.action}${about}${end}`;
    }
    default:
      return `${event.subject ?? event.node}: ${event.phase === 'end' ? 'left the configuration' : kind}`;
  }
}
