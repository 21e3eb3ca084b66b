import {
  BadRequestException,
  Controller,
  Delete,
  Get,
  HttpCode,
  Inject,
  Param,
  Put,
  Query,
} from '@nestjs/common';
import { changePolicy, type LiveEnforcer, readJournal } from 'casbin-bootstrap';
import { LIVE_ENFORCER, Requires } from 'casbin-bootstrap/nestjs';
import pg from 'pg';
import { policy } from './policy.js';
import { subjectOf, User } from './user.js';

type Role = keyof typeof policy.roles;

/**
 * Who has which role. A change of the policy is part of the transaction that the application makes: both are there, or
 * none. The journal has who has made it, and why.
 */
@Controller('members/:name')
export class MembersController {
  constructor(
    @Inject(pg.Pool) private readonly pool: pg.Pool,
    @Inject(LIVE_ENFORCER) private readonly live: LiveEnforcer,
  ) {}

  @Put('roles/:role')
  @HttpCode(204)
  @Requires('members', 'write')
  async assign(
    @Param('name') name: string,
    @Param('role') role: string,
    @User() actor: string,
    @Query('reason') reason?: string,
  ) {
    const assign = [[subjectOf(name), requireRole(role)]] as const;
    await this.inTransaction((client) => changePolicy(client, { assign }, { policy, actor, reason }));
  }

  @Delete('roles/:role')
  @HttpCode(204)
  @Requires('members', 'write')
  async unassign(
    @Param('name') name: string,
    @Param('role') role: string,
    @User() actor: string,
    @Query('reason') reason?: string,
  ) {
    const unassign = [[subjectOf(name), requireRole(role)]] as const;
    await this.inTransaction((client) => changePolicy(client, { unassign }, { policy, actor, reason }));
  }

  @Get('history')
  @Requires('members', 'read')
  async history(@Param('name') name: string) {
    const entries = await readJournal(this.pool, { value: subjectOf(name) });
    return entries.map(({ at, actor, operation, values, reason }) => ({
      at,
      actor,
      change: `${operation} ${values.join(' ')}`,
      reason,
    }));
  }

  /** What else the application writes for a member belongs into it, too. */
  private async inTransaction(work: (client: pg.PoolClient) => Promise<unknown>): Promise<void> {
    const client = await this.pool.connect();
    try {
      await client.query('begin');
      await work(client);
      await client.query('commit');
    } catch (error) {
      await client.query('rollback');
      throw error;
    } finally {
      client.release();
    }
    // Here; the other instances follow by themselves.
    await this.live.caughtUp();
  }
}

function requireRole(role: string): Role {
  if (!Object.hasOwn(policy.roles, role)) throw new BadRequestException(`no role ${role}`);
  return role as Role;
}
