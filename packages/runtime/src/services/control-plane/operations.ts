import { type Clock, type Log, messageOf } from '@vigia/base';
import { findingSchema } from '@vigia/contracts';
import { API, type ApiName, type ApiRoute, changes } from '@vigia/contracts/api';
import { z } from 'zod';
import { accessHandlers } from './access-handlers.ts';
import type { AccessControl } from '#core/access';
import type { AccessName, Asked, NodeName } from './asked.ts';
import { Audit, cameraIn, targetOf } from './audit.ts';
import type { ControlledNode } from './controlled-node.ts';
import { grantedNode } from './granted-node.ts';
import { nodeHandlers } from './handlers.ts';
import { checked, type Refusal, refusalOf } from './refusal.ts';
import { Repeats } from './repeats.ts';
import { refuseDeep, refuseReferences } from './requests.ts';
import {
  nameOf,
  ownerOfKey,
  refuseUnlessMay,
  refuseUnlessSees,
  refuseUnlessStill,
  type Visitor,
  withoutForeign,
} from './visitors.ts';

const NO_QUERY = z.strictObject({});

/** A request, however it arrived. */
export interface ApiCall<N extends ApiName = NodeName> {
  readonly route: N;
  readonly visitor: Visitor;
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
  /** The change is refused unless this revision is in force. */
  readonly expected: number | undefined;
  /** Of a change: a second request of the same asker with this key does nothing and gets the answer of the first one. */
  readonly key: string | undefined;
}

/** Options of {@link Operations}. */
export interface OperationsOptions<N extends ApiName> {
  /** Does what a route does. The parameters are valid, and the asker may. */
  readonly run: (route: N, asked: Asked<N>) => unknown;
  readonly audit: Audit;
  readonly clock: Clock;
  readonly log: Log;
}

/** Carries out requests: rights, validation, repeated requests and the record of changes are the same wherever they come from. */
export class Operations<N extends ApiName> {
  readonly #o: OperationsOptions<N>;
  readonly #repeats: Repeats;

  constructor(options: OperationsOptions<N>) {
    this.#o = options;
    this.#repeats = new Repeats(options.clock);
  }

  /**
   * Carries out a request. `stop` only answers; its caller then ends the node.
   *
   * @throws UsageError for a request that is not valid; VigiaError for one that its sender may not make, or that cannot
   *   be carried out now.
   */
  async call(call: ApiCall<N>): Promise<unknown> {
    const { route: name, visitor, expected, body, key } = call;
    const route: ApiRoute = API[name];
    this.#o.audit.refusing(visitor, name, () => refuseUnlessMay(visitor, route));
    const asked = {
      by: nameOf(visitor),
      identity: visitor.identity,
      trusted: visitor.trusted,
      expected,
      ...parametersOf(call),
      body,
    };
    refuseDeep(body);
    if (!visitor.trusted) refuseReferences(body);
    refuseUnlessStill(visitor);
    const work = async (): Promise<unknown> => {
      const answer = await withoutForeign(visitor, () => this.#o.run(name, asked as unknown as Asked<N>));
      if (changes(route)) {
        const found = name === 'acknowledge' && body ? findingSchema.parse(body) : undefined;
        const target = targetOf(asked.params, route.body && body);
        this.#o.audit.done(visitor, name, target, cameraIn(asked.params, answer), found);
      }
      return answer;
    };
    if (key === undefined || !changes(route)) return work();
    const what = [name, ...[asked.params, asked.query, body, expected].map((part) => JSON.stringify(part ?? null))];
    return this.#repeats.once(`${ownerOfKey(visitor)} ${key}`, what, work);
  }

  /** The answer to a request that failed. Logs an unexpected failure. @param what The request, for the log. */
  refusal(error: unknown, what: string): Refusal {
    return loggedRefusal(error, what, this.#o.log);
  }
}

/**
 * The parameters of a request. @throws UsageError for one that is not valid; VigiaError `not_found` for a camera that its sender
 * may not see.
 */
export function parametersOf({
  route: name,
  visitor,
  params,
  query,
}: Pick<ApiCall<ApiName>, 'route' | 'visitor' | 'params' | 'query'>): {
  readonly params: unknown;
  readonly query: unknown;
} {
  const route: ApiRoute = API[name];
  const parameters = checked(route.params ?? z.unknown(), params, 'path');
  refuseUnlessSees(visitor, route, parameters);
  return { params: parameters, query: checked(route.query ?? NO_QUERY, query, 'query') };
}

/** The answer to a request that failed. Logs an unexpected failure. @param what The request, for the log. */
export function loggedRefusal(error: unknown, what: string, log: Log): Refusal {
  const refusal = refusalOf(error);
  if (refusal.status === 500) log.error(`${what}: ${messageOf(error)}`);
  return refusal;
}

/** The operations of a node. */
export type NodeOperations = Operations<NodeName>;

/** @param node Everything that it can do; somebody who may see some cameras gets a part of it. */
export function nodeOperations(node: ControlledNode, { clock, log }: { clock: Clock; log: Log }): NodeOperations {
  const run = <N extends NodeName>(name: N, asked: Asked<N>): unknown =>
    nodeHandlers[name](nodeFor(node, asked.identity), asked);
  return new Operations({ run, audit: new Audit(node.audit, clock), clock, log });
}

/** The operations about users and tokens. */
export function accessOperations(
  access: AccessControl,
  { audit, clock, log }: { audit: Audit; clock: Clock; log: Log },
): Operations<AccessName> {
  const handlers = accessHandlers(access);
  const run = <N extends AccessName>(name: N, asked: Asked<N>): unknown => handlers[name](asked);
  return new Operations({ run, audit, clock, log });
}

/** The node as somebody may see it. */
function nodeFor(node: ControlledNode, identity: Visitor['identity']): ControlledNode {
  return !identity || identity.cameras === 'all' ? node : grantedNode(node, identity.cameras);
}
