import { type DiscoveryService, MetadataScanner } from '@nestjs/core';
import { InvalidOptionsError, type Problem } from '../errors.ts';
import { checkPermission } from '../http/permission.ts';
import type { PolicyDefinition } from '../policy/definition.ts';
import { permissionsOf } from './requires.ts';

type Policy = PolicyDefinition | string | null | undefined;

/** Refuses to start with a route that requires what the policy has no name for, all of them at once. */
export function requireKnownRoutes(discovery: DiscoveryService, policy: Policy): void {
  const problems = discovery.getControllers().flatMap(({ metatype }): Problem[] => {
    if (typeof metatype !== 'function') return [];
    const ofClass = permissionsOf(metatype).map((permission) => ({ permission, at: metatype.name }));
    const ofRoutes = new MetadataScanner().getAllMethodNames(metatype.prototype).flatMap((name) =>
      permissionsOf(metatype.prototype[name]).map((permission) => ({
        permission,
        at: `${metatype.name}.${name}`,
      })),
    );
    return [...ofClass, ...ofRoutes].flatMap(({ permission, at }) => checkPermission(policy, permission, at));
  });
  if (problems.length > 0) throw new InvalidOptionsError(problems);
}
