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
      return `worker ${where}: ${alarm}${event.data.state}${bracketed(event.data.message && `it ${event.data.message}`)}`;
    case 'camera_state':
      return cameraLine(event);
    case 'sla':
    case 'shedding':
      return `${where}: ${alarm}${event.data.type.replace('_', ' ')}: ${event.data.message}`;
    case 'consumer_blind':
      return event.phase === 'end' ? event.data.message : `${alarm}${event.data.message}`;
    case 'bed':
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
  const what = lineOf(event) ?? `${event.subject ?? event.node}: ${event.kind} ${JSON.stringify(event.data)}`;
  return `${event.at} ${event.severity.padEnd(7)} ${what}`;
}
