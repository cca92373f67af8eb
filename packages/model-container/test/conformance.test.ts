import { conformance } from './conformance/suite.ts';
import {
  fakeContainer,
  minimalContainer,
  moduleContainer,
  onnxContainer,
  pythonContainer,
} from './conformance/subjects.ts';

conformance(moduleContainer);
conformance(pythonContainer);
conformance(fakeContainer);
conformance(minimalContainer);
conformance(onnxContainer);
