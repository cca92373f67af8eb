import { conformance } from './conformance/suite.ts';
import {
  batchContainer,
  fakeContainer,
  minimalContainer,
  moduleContainer,
  onnxContainer,
  pythonContainer,
} from './conformance/subjects.ts';

conformance(moduleContainer);
conformance(batchContainer);
conformance(pythonContainer);
conformance(fakeContainer);
conformance(minimalContainer);
conformance(onnxContainer);
