export declare const WORDS: object;
