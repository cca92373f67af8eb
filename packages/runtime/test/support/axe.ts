import axe from 'axe-core';
import type { Page } from 'playwright-core';

interface InPage {
  readonly axe: {
    run(): Promise<{
      readonly passes: readonly unknown[];
      readonly violations: readonly {
        readonly id: string;
        readonly impact: string | null;
        readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
      }[];
    }>;
  };
}

/** What axe finds serious in a page as it is now. The page's policy must be passed over: `bypassCSP`. */
export async function seriousIn(page: Page): Promise<string[]> {
  await page.addScriptTag({ content: axe.source });
  return page.evaluate(async () => {
    const { violations, passes } = await (globalThis as unknown as InPage).axe.run();
    if (passes.length < 10) return ['it looked at nothing'];
    return violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, nodes }) => `${id}: ${nodes[0]?.html.slice(0, 200)} ${nodes[0]?.failureSummary}`);
  });
}
