import { VigiaError } from '@vigia/base';
import type { Provider } from '@vigia/contracts';
import { listSupportedBackends } from 'onnxruntime-node';

/** Advice for a provider that is part of the runtime and fails to start. */
const NEEDS: Readonly<Partial<Record<Provider, string>>> = {
  cuda: 'it needs an NVIDIA GPU, its driver, CUDA 12 with cuDNN 9, and the GPU files of onnxruntime-node, which its install script fetches',
  tensorrt:
    'it needs an NVIDIA GPU, its driver, TensorRT, and the GPU files of onnxruntime-node, which its install script fetches',
  webgpu: 'it needs a GPU with a Vulkan driver',
};

/** The providers that the installed runtime was built with. */
export function builtInProviders(): string[] {
  return listSupportedBackends().map((backend) => backend.name);
}

/** @throws VigiaError `provider` when the installed runtime does not include it. */
export function checkProvider(provider: Provider): void {
  const known = builtInProviders();
  if (known.includes(provider)) return;
  const more =
    provider === 'openvino'
      ? '; for OpenVINO run an OpenVINO Model Server and add its model by address (`vigia models add http://…`)'
      : '';
  throw new VigiaError(
    'provider',
    `provider "${provider}" is not part of this ONNX Runtime (it has ${known.join(', ')})${more}`,
  );
}

/** The error for a provider that is included and fails to start. */
export function providerFailed(provider: Provider, cause: unknown): VigiaError<'provider'> {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const needs = NEEDS[provider];
  return new VigiaError(
    'provider',
    `provider "${provider}" does not start on this machine: ${reason.slice(0, 300)}${needs ? `; ${needs}` : ''}; \`provider: cpu\` always works`,
    { cause },
  );
}
