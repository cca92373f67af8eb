export { contentOf, type Crop, InputFiller, PADDING } from './fill-input.ts';
export { type InputArray, inputArray, layoutOf, type TensorLayout } from './tensor-writer.ts';
