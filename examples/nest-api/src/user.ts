import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Request } from 'express';

/** In the header that the gateway sets, which has checked who it is. With tokens, verify the token here instead. */
export function readUser(request: Request): string | undefined {
  return request.get('x-user') || undefined;
}

/** Users and roles are subjects alike: with a prefix, a user who is called "manager" is not taken for the role. */
export function subjectOf(user: string): string {
  return `user:${user}`;
}

/** The one who makes the request. */
export const User = createParamDecorator((_: unknown, context: ExecutionContext) =>
  readUser(context.switchToHttp().getRequest()),
);
