import { messageOf } from '@vigia/base';
import { PROVIDERS } from '@vigia/contracts';
import { InferenceSession } from 'onnxruntime-node';
import { identityGraph } from './identity-graph.ts';
import { checkProvider, providerFailed } from '#network';

// Entry of the trying process: `node provider-entry.js PROVIDER`. Prints why the provider does not start, or nothing.

const provider = PROVIDERS.find((name) => name === process.argv[2]) ?? 'cpu';
try {
  checkProvider(provider);
  await InferenceSession.create(identityGraph(), { executionProviders: [provider], logSeverityLevel: 4 }).catch(
    (error: unknown) => {
      throw providerFailed(provider, error);
    },
  );
} catch (error) {
  process.stdout.write(messageOf(error));
}
