import { type InferResponse, statusOfContainerError } from '@vigia/contracts';
import type { Outcome } from '#core/consumer';
import type { Answer } from './container-client.ts';

/** The camera that asked, and the model that it asked. */
interface Asked {
  readonly camera: string;
  readonly model: string;
}

/** What a container's answer makes of the frame that it was asked about. */
export function outcomeOf(answer: Answer<InferResponse>, seq: number, asked: Asked): Outcome {
  switch (answer.kind) {
    case 'lost':
    case 'withdrawn':
      return { status: 'unavailable', code: 'connection_lost', message: `model ${asked.model} went away` };
    case 'failed':
      return { status: statusOfContainerError(answer.error.code), ...answer.error };
    default:
      return wrongAnswer(answer.value, seq, asked) ?? { status: 'ok', detections: answer.value.detections ?? [] };
  }
}

/** An answer about another frame, camera or model must not become this camera's result. */
function wrongAnswer(answer: InferResponse, seq: number, { camera, model }: Asked): Outcome | undefined {
  if (answer.camera_id !== camera) return wrong('wrong_camera', `camera ${camera}`, answer.camera_id);
  if (answer.model_id !== model) return wrong('wrong_model', `model ${model}`, answer.model_id);
  if (answer.frame_id !== seq) return wrong('wrong_frame', `frame ${seq}`, String(answer.frame_id));
  return undefined;
}

function wrong(code: string, wanted: string, found: string): Outcome {
  return { status: 'error', code, message: `asked for ${wanted}, answered for ${found}` };
}
